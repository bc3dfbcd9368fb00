"""Set-ups that were written for authentik keep working as they are: the way in, what an application is told, the way
out.

A visitor's copies of the headers that such a set-up lists never arrive; those it does not list are its own affair.
"""

import pytest

from tests.proxies.authentik import HEADERS
from tests.proxies.installation import ANNA, BERT
from tests.proxies.stand import Standing

DEEP = "/a%20b?x=1"


def test_people_sign_in_and_arrive_where_they_were_going(old_door: Standing) -> None:
    agent = old_door.walk_in("hello", target=DEEP)
    [arrived] = [one for one in old_door.arrived("hello") if one.target == DEEP]
    assert arrived.get("X-authentik-username") == ANNA[0]
    assert arrived.get("X-authentik-groups") == "staff"
    assert agent.get(old_door.url("hello", "/again")).status == 200


def test_a_second_application_asks_for_no_second_password(old_door: Standing) -> None:
    agent = old_door.walk_in("hello")
    where, reply = agent.follow(old_door.url("wiki", "/x"))
    assert (where, reply.status) == (old_door.url("wiki", "/x"), 200)


def test_who_may_not_enter_reads_why(old_door: Standing) -> None:
    agent = old_door.walk_in("hello")
    _, reply = agent.follow(old_door.url("vault"))
    assert reply.status == (200 if old_door.stand.name == "ak-domain" else 403)
    assert not [one for one in old_door.arrived("vault") if reply.status != 200]


def test_a_script_without_a_session_is_not_let_in(old_door: Standing) -> None:
    reply = old_door.ask("hello", "/", ("Accept", "application/json"), ("Sec-Fetch-Mode", "cors"))
    # nginx makes a redirect of every 401, whoever asked.
    assert reply.status in ((302,) if "nginx" in old_door.stand.title else (401, 302))
    assert not old_door.arrived("hello")


@pytest.mark.parametrize("name", [name for name in HEADERS if name != "entitlements"])
def test_a_visitors_own_copy_is_replaced(old_door: Standing, name: str) -> None:
    agent = old_door.walk_in("hello", BERT)
    old_door.forget()
    reply = agent.get(old_door.url("hello"), (f"X-authentik-{name}", "mallory"), (f"x-AUTHENTIK-{name}", "mallory"))
    assert reply.status == 200
    [arrived] = old_door.arrived("hello")
    assert "mallory" not in (arrived.get(f"X-authentik-{name}") or "")


def test_signing_out_closes_every_application(old_door: Standing) -> None:
    agent = old_door.walk_in("hello")
    agent.follow(old_door.url("wiki"))
    entrance = "login" if old_door.stand.name == "ak-domain" else "hello"
    _, reply = agent.follow(old_door.url(entrance, "/outpost.goauthentik.io/sign_out"))
    if b"<form" in reply.body:
        _, reply = agent.submit(_, reply)
    old_door.forget()
    for name in ("hello", "wiki"):
        where, _ = agent.follow(old_door.url(name))
        assert "/if/flow/" in where
        assert not old_door.arrived(name)
