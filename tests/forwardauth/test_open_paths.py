"""What of an application is open to anybody, as each proxy asks."""

from typing import Any

import pytest

from ostiary.directory.models import User
from tests.forwardauth.house import House

OPEN: dict[str, Any] = {"open_paths": ["/public"], "skip_path_regex": "^/health$"}
HELLO = "https://hello.example.com"


def nobody(headers: dict[str, str]) -> bool:
    """Whether every identity header is there, and empty."""
    names = [name for name in headers if name.startswith("x-authentik-")]
    return len(names) == 12 and not any(headers[name] for name in [*names, "x-ostiary-jwt-assertion"])


@pytest.mark.parametrize("dialect", ["nginx", "traefik", "caddy", "envoy", "haproxy", "ngf"])
async def test_anybody_passes_as_nobody(house: House, dialect: str) -> None:
    await house.application(**OPEN)
    for path in ("/public", "/public/a.css?x=1", "/health"):
        for navigation in (True, False):
            found = await house.ask_as(dialect, HELLO + path, navigation=navigation)
            assert found.status == 200
            assert nobody(found.headers)
            assert "set-cookie" not in found.headers
    for path in ("/", "/publicity", "/health/", "/x?/public", "/public/../x", "/public%2fx", "/public;x"):
        assert (await house.ask_as(dialect, HELLO + path, navigation=False)).status in (401, 403)


async def test_where_no_path_is_told_nothing_is_open(house: House) -> None:
    await house.application(skip_path_regex="^.*$", open_paths=["/public"], cors_preflight=True)
    assert (await house.ask_as("nic", HELLO + "/public")).status == 401


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_somebody_who_is_signed_in_is_named_there_too(house: House, handoff: str) -> None:
    door = await house.application(**OPEN, handoff=handoff)
    cookie = await door.session(await house.login(await house.person()))
    for _ in range(2):
        for path in ("/public/x", "/private"):
            assert (await house.ask(HELLO + path, cookie)).headers["x-authentik-username"] == "ada"
    # A name of no value any more is no name, and no reason to shut an open path.
    await house.update(User, User.username == "ada", is_active=False)
    await house.let_know()
    found = await house.ask(HELLO + "/public/x", cookie)
    assert found.status == 200
    assert nobody(found.headers)
    assert (await house.ask(HELLO + "/private", cookie, navigation=False)).status == 403


async def test_the_forbidden_pass_as_nobody_and_nothing_is_told_of_it(house: House) -> None:
    door = await house.application(**OPEN, access="bound")
    cookie = await door.session(await house.login(await house.person()))
    found = await house.ask(HELLO + "/public", cookie)
    assert found.status == 200
    assert nobody(found.headers)
    assert not house.refusals._waiting
    assert (await house.ask(HELLO + "/private", cookie, navigation=False)).status == 403
    assert len(house.refusals._waiting) == 1


async def test_a_disabled_application_has_no_open_paths(house: House) -> None:
    door = await house.application(**OPEN, cors_preflight=True)
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask(HELLO + "/public")).status == 200
    await door.set(enabled=False)
    await house.let_know()
    for path in ("/public", "/health", "/x"):
        assert (await house.ask(HELLO + path)).status == 401
        assert (await house.ask(HELLO + path, cookie, navigation=False)).status == 403
        assert (await house.ask(HELLO + path, None, *PREFLIGHT, method="OPTIONS")).status == 401


async def test_where_the_names_of_headers_cannot_be_read_nothing_is_open(house: House) -> None:
    """Nobody knows which of the visitor's own headers would have to be taken off."""
    door = await house.application(**OPEN, header_style="own", header_names={"username": "X-User"})
    assert (await house.ask(HELLO + "/public")).headers["x-user"] == ""
    await door.set(header_names={"username": ["X-User", "X-Other"]})
    await house.let_know()
    for path in ("/public", "/ostiary/ping"):
        assert (await house.ask(HELLO + path)).status == 401


async def test_an_open_path_is_open_no_more_once_taken_away(house: House) -> None:
    door = await house.application(**OPEN)
    assert (await house.ask(HELLO + "/public")).status == 200
    await door.set(open_paths=[])
    await house.let_know()
    assert (await house.ask(HELLO + "/public")).status == 401
    assert (await house.ask(HELLO + "/health")).status == 200
    await door.set(skip_path_regex="")
    await house.let_know()
    assert (await house.ask(HELLO + "/health")).status == 401


async def test_open_paths_belong_to_one_application_of_a_host(house: House) -> None:
    await house.application("https://apps.example.com/a", open_paths=["/a/public"])
    await house.application("https://apps.example.com/b", access="bound")
    assert (await house.ask("https://apps.example.com/a/public")).status == 200
    assert (await house.ask("https://apps.example.com/b/a/public")).status == 401
    assert (await house.ask("https://apps.example.com/a/public/../../b", navigation=False)).status == 403


async def test_in_a_domain_patterns_are_about_whole_addresses(house: House) -> None:
    await house.application(
        "https://auth.example.com",
        mode="forward_domain",
        cookie_domain="example.com",
        skip_path_regex=r"^https://[a-z]+\.example\.com/health$",
    )
    assert (await house.ask("https://wiki.example.com/health")).status == 200
    assert (await house.ask("https://WIKI.example.com:443/health")).status == 200
    # The scheme is the application's own: behind a balancer that ends TLS, proxies say http.
    assert (await house.ask("http://wiki.example.com/health")).status == 200
    for url in ("http://wiki.example.com/", "https://a.b.example.com/health", "https://wiki.example.com/healthy"):
        assert (await house.ask(url)).status == 401


PREFLIGHT = ("Origin: https://other.example", "Access-Control-Request-Method: PUT")


@pytest.mark.parametrize("dialect", ["nginx", "traefik", "envoy"])
async def test_a_preflight_passes_if_the_application_asks_for_it(house: House, dialect: str) -> None:
    door = await house.application()
    url = HELLO + "/api"
    assert (await house.ask_as(dialect, url, None, *PREFLIGHT, method="OPTIONS", navigation=False)).status == 401
    await door.set(cors_preflight=True)
    await house.let_know()
    found = await house.ask_as(dialect, url, None, *PREFLIGHT, method="OPTIONS", navigation=False)
    assert found.status == 200
    assert nobody(found.headers)
    for method, headers in (
        ("GET", PREFLIGHT),
        ("PUT", PREFLIGHT),
        ("options", PREFLIGHT),
        ("OPTIONS", PREFLIGHT[:1]),
        ("OPTIONS", PREFLIGHT[1:]),
        ("OPTIONS", ()),
    ):
        assert (await house.ask_as(dialect, url, None, *headers, method=method, navigation=False)).status == 401
    ambiguous = HELLO + "/api/%2e%2e/x"
    assert (await house.ask_as(dialect, ambiguous, None, *PREFLIGHT, method="OPTIONS", navigation=False)).status == 401


async def test_our_own_paths_let_pass_under_the_application_s_names(house: House) -> None:
    await house.application(header_style="remote")
    found = await house.ask(HELLO + "/ostiary/start")
    assert found.status == 200
    assert {
        name: value for name, value in found.headers.items() if name.startswith(("remote-", "x-"))
    } == dict.fromkeys(("remote-user", "remote-groups", "remote-email", "remote-name", "x-ostiary-jwt-assertion"), "")


async def test_our_own_paths_tell_no_application_of_a_host_of_anybody(house: House) -> None:
    await house.application("https://apps.example.com/a", header_style="remote")
    await house.application("https://apps.example.com/b", header_style="own", header_names={"username": "X-User"})
    found = await house.ask("https://apps.example.com/ostiary/start")
    assert found.status == 200
    assert (found.headers["remote-user"], found.headers["x-user"]) == ("", "")
