"""Proxies that ask at an address with a path secret: what was for Ostiary alone is taken off, what was not stays."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

from tests.proxies import caddy, haproxy, traefik
from tests.proxies.conftest import commands
from tests.proxies.installation import ANNA, SECRET, Installation, installed
from tests.proxies.stand import Place, Stand, Standing, standing
from tests.proxies.test_machines import KEY, app_password
from tests.proxies.test_spoofing import identities

STANDS = (traefik.STANDS[0], caddy.STANDS[0], haproxy.STANDS[0])


class Secretly(Place):
    """The documented files, with the secret in the address and Authorization among what is passed on."""

    def example(self, file: str, application: str = "hello") -> str:
        text = re.sub(r"(/ostiary/auth/[a-z]+)\b", rf"\1~{SECRET}", super().example(file, application))
        text = re.sub(r"(?m)^( *)authResponseHeaders:\n", r"\g<0>\1  - Authorization\n", text)
        return text.replace("copy_headers ", "copy_headers Authorization ")


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An Ostiary that is asked with a secret only."""
    people = [(("group", "create", "board"), ""), (("user", "create", ANNA[0], "--password"), ANNA[1])]
    applications = [command for stand in STANDS for command in commands(stand)]
    peers = [(stand.name, stand.kind) for stand in STANDS]
    folder = tmp_path_factory.mktemp("secretive")
    more = {"OSTIARY_FORWARD_AUTH__PATH_SECRETS": SECRET}
    with installed(folder, peers, [*people, *applications], **more) as running:
        yield running


@pytest.fixture(scope="module", params=STANDS, ids=str)
def secret_door(
    request: pytest.FixtureRequest, secretive: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    stand: Stand = request.param

    def start(place: Place) -> None:
        stand.start(Secretly(**{field.name: getattr(place, field.name) for field in fields(place)}))

    folder = tmp_path_factory.mktemp(stand.name)
    with standing(replace(stand, start=start), secretive, folder) as running, app_password(running):
        yield running


def authorization(door: Standing) -> list[str]:
    """What hello was told in that header, where it was told anything."""
    [arrived] = door.arrived("hello")
    assert identities(arrived)["X-authentik-username"] == {ANNA[0]}
    return [value for value in arrived.all("authorization") if value]


def test_a_credential_that_was_recognised_does_not_reach_the_application(secret_door: Standing) -> None:
    secret_door.forget()
    assert secret_door.ask("hello", "/", ("Authorization", f"Bearer {KEY}")).status == 200
    assert authorization(secret_door) == []


def test_the_application_s_own_reaches_it_as_it_was(secret_door: Standing) -> None:
    cookie = secret_door.cookie("hello")
    for own in ("Bearer its-own", "Basic aGVsbG86d29ybGQ="):
        secret_door.forget()
        assert secret_door.ask("hello", "/", cookie, ("Authorization", own)).status == 200
        assert authorization(secret_door) == [own]
    secret_door.forget()
    assert secret_door.ask("hello", "/", cookie).status == 200
    assert authorization(secret_door) == []


def test_without_a_session_or_a_credential_nobody_comes_in(secret_door: Standing) -> None:
    secret_door.forget()
    for headers in ((), (("Authorization", f"Bearer {KEY[::-1]}"),)):
        assert secret_door.ask("hello", "/", *headers).status in (302, 401)
    assert not secret_door.arrived("hello")
