"""F5 NGINX Ingress Controller, which tells the host alone, and NGINX Gateway Fabric, which shows no answer of ours."""

from tests.proxies.installation import ANNA, BERT
from tests.proxies.stand import Standing


def test_f5_people_sign_in_and_arrive_where_they_were_going(nic: Standing) -> None:
    nic.walk_in("hello", target="/a%20b?x=1")
    assert [one for one in nic.arrived("hello") if one.target == "/a%20b?x=1"]


def test_f5_passes_no_identity_on(nic: Standing) -> None:
    """Its configuration has no place for it, and a visitor's own copy arrives: the page says so."""
    cookie = nic.cookie("hello")
    nic.forget()
    assert nic.ask("hello", "/", cookie, ("X-authentik-username", "mallory")).status == 200
    [arrived] = nic.arrived("hello")
    assert arrived.get("X-authentik-username") == "mallory"


def test_f5_who_may_not_enter_reads_why(nic: Standing) -> None:
    agent = nic.walk_in("hello")
    _, reply = agent.follow(nic.url("vault"))
    assert (reply.status, b"You cannot open" in reply.body) == (403, True)
    assert not nic.arrived("vault")
    nic.walk_in("vault", BERT)
    assert nic.arrived("vault")


def test_f5_a_cookie_of_another_application_opens_nothing(nic: Standing) -> None:
    cookie = nic.cookie("wiki")
    nic.forget()
    assert nic.ask("hello", "/", cookie).status in (303, 401)
    assert not nic.arrived("hello")


def test_f5_a_visitors_host_and_path_open_nothing(nic: Standing) -> None:
    cookie = nic.cookie("hello")
    nic.forget()
    lies = [("X-Forwarded-Host", nic.host("hello")), ("X-Original-URL", nic.url("hello"))]
    assert nic.ask("vault", "/", cookie, *lies).status != 200
    assert not nic.arrived("vault")


def test_fabric_people_sign_in_at_the_address_that_the_page_names(ngf: Standing) -> None:
    agent = ngf.agent()
    assert agent.get(ngf.url("hello")).status == 401
    where, page = agent.follow(ngf.url("hello", "/ostiary/start"))
    where, reply = agent.submit(where, page, uid_field=ANNA[0], password=ANNA[1])
    where, reply = agent.follow(where)
    assert (where, reply.status) == (ngf.url("hello"), 200)
    [arrived] = ngf.arrived("hello")
    assert arrived.get("X-authentik-username") == ANNA[0]


def test_fabric_a_visitors_own_copies_never_arrive_and_its_path_counts_for_nothing(ngf: Standing) -> None:
    agent = ngf.agent()
    where, page = agent.follow(ngf.url("hello", "/ostiary/start"))
    where, _ = agent.submit(where, page, uid_field=ANNA[0], password=ANNA[1])
    agent.follow(where)
    ngf.forget()
    lies = [
        ("X-authentik-username", "mallory"),
        ("Remote-User", "mallory"),
        ("Path", "/ostiary/start"),
        ("Method", "X"),
    ]
    assert agent.get(ngf.url("hello", "/x"), *lies).status == 200
    [arrived] = ngf.arrived("hello")
    assert (arrived.get("X-authentik-username"), arrived.get("Remote-User")) == (ANNA[0], None)
    assert agent.get(ngf.url("vault"), *lies).status in (401, 403)
    assert not ngf.arrived("vault")


def test_fabric_a_script_without_a_session_is_refused(ngf: Standing) -> None:
    for path in ("/", "/x?y=1"):
        assert ngf.ask("hello", path, ("Path", "/ostiary/start"), method="POST", body=b"x").status == 401
    assert not ngf.arrived("hello")
