"""What a visitor can tell an application behind ingress-nginx's template, on both nginx: nothing about identity."""

import pytest

from tests.rig.stub_servers import Answer
from tests.rig.test_auth_request import Door, door, running

__all__ = ["door", "running"]

OURS = "X-authentik-username"


def _folded(name: str) -> str:
    """As WSGI, CGI and PHP fold a header's name into a variable's."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.upper())


def _identities(door: Door, *forged: tuple[str, str]) -> list[str]:
    """Every value that the application could take for the user name, after a visit that sends ``forged``."""
    door.auth.answer = lambda _: Answer(200, [(OURS, "lab-user")])
    door.get("/", *forged)
    (seen,) = door.app.seen
    return [value for name, value in seen.headers if _folded(name) == _folded(OURS)]


@pytest.mark.parametrize("connection", [OURS, OURS.lower(), OURS.upper(), f"close, {OURS}", f"keep-alive,{OURS}"])
def test_fa_14_a_visitor_cannot_have_our_header_dropped(door: Door, connection: str) -> None:
    assert _identities(door, ("Connection", connection)) == ["lab-user"]


@pytest.mark.parametrize("alias", ["X_authentik_username", "X_Authentik-Username", "X-authentik_username"])
def test_fa_19_an_underscore_alias_reaches_no_application(door: Door, alias: str) -> None:
    assert _identities(door, (alias, "admin")) == ["lab-user"]


@pytest.mark.parametrize("alias", ["X.authentik.username", "X.authentik-username", "X-authentik.username"])
def test_fa_20_a_dot_alias_reaches_no_application(door: Door, alias: str) -> None:
    assert _identities(door, (alias, "admin")) == ["lab-user"]


@pytest.mark.parametrize("spelling", [OURS, OURS.lower(), OURS.upper(), "x-AUTHENTIK-username"])
def test_fa_21_any_letter_case_of_a_visitor_is_replaced(door: Door, spelling: str) -> None:
    assert _identities(door, (spelling, "admin")) == ["lab-user"]
    door.app.seen.clear()
    assert _identities(door, (spelling, "admin"), (spelling.swapcase(), "root")) == ["lab-user"]
