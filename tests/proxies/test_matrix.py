"""Each case on each proxy."""

from tests.proxies.installation import ANNA
from tests.proxies.stand import Standing, shown, to_sign_in


def test_anonymous_page(door: Standing) -> None:
    assert to_sign_in(door.navigate("hello"))
    assert not door.arrived("hello")


def test_signed_in(door: Standing) -> None:
    reply = door.ask("hello", "/a?b=c", door.cookie("hello"))
    assert reply.status == 200
    [arrived] = [one for one in door.arrived("hello") if one.target == "/a?b=c"]
    assert arrived.get("X-authentik-username") == ANNA[0]
    assert shown(reply)["line"] == "GET /a?b=c"
