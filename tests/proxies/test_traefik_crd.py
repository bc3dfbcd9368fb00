"""Traefik in Kubernetes by its own resources, as docs/proxies/traefik.md has them."""

from tests.proxies.installation import ANNA
from tests.proxies.stand import Standing, to_sign_in


def test_people_sign_in_and_the_application_is_told_who_they_are(crd: Standing) -> None:
    assert to_sign_in(crd.navigate("hello"))
    crd.walk_in("hello", target="/a%20b?x=1")
    [arrived] = [one for one in crd.arrived("hello") if one.target == "/a%20b?x=1"]
    assert arrived.get("X-authentik-username") == ANNA[0]


def test_a_visitors_own_identity_never_arrives(crd: Standing) -> None:
    cookie = crd.cookie("hello")
    crd.forget()
    spelled = ("X-authentik-username", "x_authentik_username", "X.Authentik.Username", "Remote-User", "X-authentik-jwt")
    for name in spelled:
        assert crd.ask("hello", "/", cookie, (name, "mallory")).status == 200
    assert len(crd.arrived("hello")) == len(spelled)
    assert "mallory" not in repr(crd.arrived("hello"))


def test_who_may_not_enter_does_not(crd: Standing) -> None:
    agent = crd.walk_in("hello")
    _, reply = agent.follow(crd.url("vault"))
    assert (reply.status, b"You cannot open" in reply.body) == (403, True)
    assert not crd.arrived("vault")
