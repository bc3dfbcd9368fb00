"""The same rows for what a dialect is told and tells: aliases, hosts, paths, headers, sizes, addresses."""

import json

import pytest

from tests.forwardauth.house import House
from tests.forwardauth.test_responder import HEADERS
from tests.security.test_fa_every_dialect import (
    HOST,
    OWN_HEADERS,
    ROOT,
    closed,
    every_dialect,
    every_path_dialect,
    house,
    inside,
)

__all__ = ["house"]


@every_dialect
async def test_fa_16_fa_17_prefix_and_port_are_no_input(house: House, dialect: str) -> None:
    door = await house.application(access="bound")
    await house.application(f"https://{HOST}:8443", slug="port")
    await house.bind(door, expression="request.path.startsWith('/public')")
    cookie = await door.session(await house.login(await house.person()))
    for path in ("admin", "public"):
        bare = await house.ask_as(dialect, ROOT + path, cookie, navigation=False)
        for header in ("X-Forwarded-Prefix: /public", *(f"X-Forwarded-Port: {port}" for port in ("80", "8443", "x"))):
            assert await house.ask_as(dialect, ROOT + path, cookie, header, navigation=False) == bare
        assert bare.status == (200 if path == "public" and dialect != "nic" else 403)


@every_dialect
async def test_fa_18_fa_20_an_alias_is_refused_alone_and_beside_the_real_header(house: House, dialect: str) -> None:
    _, cookie = await inside(house)
    for real in OWN_HEADERS[dialect]:
        aliases = {
            real.replace("-", "_"),
            real.replace("-", "."),
            real.replace("-", "_", 1),
            real.upper().replace("-", "."),
        } - {real, real.upper()}
        for alias in aliases:
            for value in (ROOT, "GET", "evil.test", ""):
                for without in ("", real):
                    answer = await house.ask_as(dialect, ROOT, cookie, f"{alias}: {value}", without=without)
                    assert (answer.status, answer.reason) == (403, "header_alias"), alias


@every_dialect
async def test_fa_22_every_identity_header_comes_empty_too(house: House, dialect: str) -> None:
    door = await house.application()
    cookie = await door.session(await house.login(await house.person("bare", name="", email="")))
    for _ in range(2):
        answer = await house.ask_as(dialect, ROOT, cookie, "X-authentik-email: root@example.com")
        assert answer.headers["x-authentik-username"] == "bare"
        assert {f"x-authentik-{name}" for name in HEADERS} <= set(answer.headers)
        assert answer.headers["x-authentik-groups"] == answer.headers["x-authentik-email"] == ""
    if dialect != "nic":
        own = await house.ask_as(dialect, f"{ROOT}ostiary/ping")
        assert (own.status, set(own.headers) >= {f"x-authentik-{name}" for name in HEADERS}) == (200, True)
        assert own.headers["x-authentik-username"] == ""


@every_dialect
async def test_fa_24_fa_25_hosts_match_at_labels_and_in_any_case(house: House, dialect: str) -> None:
    _, cookie = await inside(house, host="https://sso.example.com", mode="forward_domain", cookie_domain="example.com")
    own = await house.application("https://app.example.com", access="bound")
    for host in ("example.com", "EXAMPLE.com", "example.com.", "Other.Example.Com", "a.b.example.com"):
        assert (await house.ask_as(dialect, f"https://{host}/", cookie)).status == 200
    for host in (
        "notexample.com",
        "example.com.evil.test",
        "com",
        "evil-example.com",
        "example.comx",
        "xn--example.com",
    ):
        assert (await house.ask_as(dialect, f"https://{host}/", cookie)).reason == "unknown_host"
    theirs = await own.session(await house.login(await house.person("bob")))
    # A port is not what proxies choose an application by, so another one is no way around its own entry.
    for host in ("app.example.com:8443", "APP.example.com:1", "app.example.com.:8080", "sso.example.com:8443"):
        for given in (cookie, f"{cookie}; {theirs}"):
            assert (await house.ask_as(dialect, f"https://{host}/", given)).reason == "unknown_host"
    for host in ("app.example.com", "APP.example.COM", "App.Example.com.", "app.example.com:443", "app.example.com:80"):
        for given in (cookie, f"{cookie}; {theirs}"):
            assert closed(await house.ask_as(dialect, f"https://{host}/", given, navigation=False))


TRICKS = (
    "/admin%2F",
    "/admin%5C",
    "/admin%00",
    "/admin%3B",
    "/admin%3F",
    "/admin%23",
    "/admin;x",
    "/admin\\",
    "/%2561dmin",
    "/./admin/secret",
    "/.//admin",
    "/%2e/admin",
    "/%2E/admin",
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public/.%2e/admin",
    "/public/%2e./admin",
    "//admin",
    "/public//../admin",
    "/public%2f..%2fadmin",
    "/public/..%2fadmin",
    "/public\\..\\admin",
    "/public/..;/admin",
    "/public/..;x/admin",
    "/public/%252e%252e/admin",
    "/public/..",
    "/public/.",
    "/public/%2e%2e",
    "/api../admin",
    "/api..%2fadmin",
    "/%61dmin",
    "/admin",
    "/admin?/public",
    "/admin?x=/public/",
    "/admin/%0a",
    "/public/%c0%ae%c0%ae/admin",
    "/public/%e2%80%ae/x",
)


@every_path_dialect
@pytest.mark.parametrize("target", TRICKS)
async def test_fa_10_fa_26_fa_27_fa_28_fa_29_no_path_trick_gets_past_a_rule(
    house: House, dialect: str, target: str
) -> None:
    """By a rule that names what is open, by one that names what is shut, and by applications below paths."""
    rule = await house.application("https://rule.example.com", access="bound")
    await house.bind(rule, expression="request.path == '/api' || request.path.startsWith('/public/')")
    shut = await house.application("https://shut.example.com", access="bound")
    await house.bind(shut, expression="!request.path.startsWith('/admin') && !request.path.startsWith('/api..')")
    public = await house.application("https://path.example.com/public")
    api = await house.application("https://path.example.com/api")
    root = await house.application("https://path.example.com", slug="root", access="bound")
    login = await house.login(await house.person())
    for door in (rule, shut):
        cookie = await door.session(login)
        assert (await house.ask_as(dialect, f"{door.origin}/public/x", cookie)).status == 200
        for method in ("GET", "HEAD", "POST"):
            answer = await house.ask_as(dialect, door.origin + target, cookie, method=method, navigation=False)
            assert (closed(answer), answer.status) == (True, 403)
    cookies = "; ".join([await door.session(login) for door in (public, api, root)])
    for open_ in ("/public", "/public/x", "/api", "/api/x"):
        assert (await house.ask_as(dialect, f"https://path.example.com{open_}", cookies)).status == 200
    for _ in range(2):
        answer = await house.ask_as(dialect, f"https://path.example.com{target}", cookies, navigation=False)
        assert (closed(answer), answer.status) == (True, 403)


@every_dialect
@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_fa_31_every_answer_is_small(house: House, dialect: str, handoff: str) -> None:
    """`Answer.parse` holds each to 4 kB, apart from the list of headers that Envoy takes off."""
    _, cookie = await inside(house, handoff=handoff)
    shut = await house.application("https://shut.example.com", access="bound", handoff=handoff)
    theirs = await shut.session(await house.login(await house.person("bob")))
    statuses = set()
    for navigation in (True, False):
        for host in (HOST, "shut.example.com", "no.example.com", "n" * 60 + ".example.com"):
            for target in ("/", "/" + "x" * 1500, "/?ostiary-ticket=" + "x" * 64, "/" + "y" * 9000):
                for given in (cookie, theirs, None, "x" * 20_000):
                    asked = house.ask_as(dialect, f"https://{host}{target}", given, navigation=navigation)
                    statuses.add((await asked).status)
    assert 200 in statuses
    assert len(statuses) >= 3


@pytest.mark.parametrize("dialect", ["traefik", "nginx-fwd", "caddy", "haproxy", "envoy"])
@pytest.mark.parametrize("handoff", ["callback", "in_place"])
@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss", "javascript", "ftp", "HTTPS", "http, https"])
async def test_fa_37_fa_38_what_is_forwarded_builds_no_address(
    house: House, dialect: str, handoff: str, scheme: str
) -> None:
    await house.application(handoff=handoff)
    for target in (
        "/",
        "//evil.test/",
        "/\\evil.test",
        "/x?rd=//evil.test&attempt=x",
        "/%0d%0aSet-Cookie:%20a=b",
        "/é",
    ):
        for more in ((), ("X-Forwarded-Port: 1",), ("X-Auth-Request-Redirect: https://evil.test/",)):
            answer = await house.ask_as(dialect, f"{scheme}://{HOST}{target}", None, *more)
            assert answer.status == (302 if scheme in ("http", "https", "ws", "wss") else 403)
            where = answer.headers.get("location", "https://auth.example.com/")
            assert where.startswith("https://auth.example.com/")
            assert where.isascii()
            assert set(answer.headers) <= {
                "content-length",
                "content-type",
                "cache-control",
                "location",
                "set-cookie",
                "x-ostiary-reason",
            }
            if answer.status == 302:
                assert f"&rd=https://{HOST}/" in where


@every_dialect
async def test_fa_36_only_a_declared_proxys_word_counts_for_the_visitors_address(house: House, dialect: str) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="in_network(request.client_ip, '10.0.0.0/8')")
    cookie = await door.session(await house.login(await house.person()))
    for forwarded, status in (
        ("10.0.0.1", 200),
        ("203.0.113.5", 403),
        ("10.0.0.1, 203.0.113.5", 403),
        ("203.0.113.5, 10.0.0.1", 200),
        ("10.0.0.1, 203.0.113.5, 127.0.0.9", 403),
        ("10.0.0.1,", 403),
        ("10.0.0.1:80", 403),
        ("", 403),
    ):
        asked = house.ask_as(dialect, ROOT, cookie, f"X-Forwarded-For: {forwarded}", navigation=False)
        # Where no path is told (nic), or this header is never believed (ngf), no rule about the visitor allows.
        assert (await asked).status == (403 if dialect in ("nic", "ngf") else status), forwarded
    # The proxy's own address is within another network that a rule may well name.
    await house.bind(door, expression="in_network(request.client_ip, '127.0.0.0/8')")
    assert (await house.ask_as(dialect, ROOT, cookie, navigation=False)).status == 403
    for other in ("X-Real-IP: 10.0.0.1", "Forwarded: for=10.0.0.1", "X_Forwarded_For: 10.0.0.1"):
        assert (await house.ask_as(dialect, ROOT, cookie, other, navigation=False)).status == 403


@pytest.mark.parametrize("dialect", ["traefik", "nginx-fwd", "caddy", "haproxy", "envoy"])
async def test_what_is_said_in_a_refusal_is_no_markup(house: House, dialect: str) -> None:
    """The page and the JSON of a refusal repeat the host, and nothing that has a meaning to a browser."""
    await house.application()
    for host in ("nobody.example.com", "xn--bcher-kva.example.com"):
        for path in ("<script>alert(1)</script>", "%3Cscript%3E", "'\"><img/src=x>"):
            for navigation in (True, False):
                answer = await house.ask_as(
                    dialect, f"https://{host}/{path}", None, "User-Agent: <b>", navigation=navigation
                )
                assert answer.status == 403
                assert not any(
                    word in answer.body for word in (b"<script", b"alert(1)", b"%3Cscript", b"src=x", b"<b>")
                )
                if not navigation:
                    assert set(json.loads(answer.body)) == {"error", "message"}
                else:
                    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@every_path_dialect
async def test_only_our_own_addresses_are_let_through_and_only_as_they_are_written(house: House, dialect: str) -> None:
    await house.application()
    await house.application("https://path.example.com/a")
    for host in (HOST, "path.example.com"):
        for prefix in ("/ostiary", "/outpost.goauthentik.io"):
            for name in ("start", "callback", "sign_out", "ping"):
                answer = await house.ask_as(dialect, f"https://{host}{prefix}/{name}?x=/y", navigation=False)
                assert (answer.status, answer.headers["x-authentik-username"]) == (200, "")
        for other in (
            *("/ostiary/start/", "/ostiary/start/../x", "/ostiary/%73tart", "/ostiary/start%3f", "/ostiary/start;x"),
            *(
                "/ostiary/start%00",
                "/ostiary/start%0a",
                "/ostiary//start",
                "/Ostiary/start",
                "/ostiary/START",
                "/ostiary",
            ),
            *("/ostiary/", "/ostiary/auth/nginx", "/ostiary/jwks.json", "/ostiary/static/x", "/ostiary/./start"),
            *("/a/ostiary/start", "/a/../ostiary/start", "//ostiary/start", "/ostiary\\start", "/x?/ostiary/start"),
        ):
            assert closed(await house.ask_as(dialect, f"https://{host}{other}", navigation=False)), other
    for host in ("nobody.example.com", "hello.example.com.evil.test", "hello.example.com:8443"):
        assert closed(await house.ask_as(dialect, f"https://{host}/ostiary/start", navigation=False))
