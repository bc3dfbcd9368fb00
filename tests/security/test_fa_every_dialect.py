"""What went wrong with forward authentication elsewhere, asked in the words of every proxy."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ostiary.forwardauth.dialects.known import DIALECTS
from tests.clock import FakeClock
from tests.forwardauth.house import Answer, Door, House

HOST = "hello.example.com"
ROOT = f"https://{HOST}/"
ALL = tuple(DIALECTS)
FORWARDED = ("traefik", "nginx-fwd", "caddy", "haproxy")
TELLS_PATH = tuple(name for name in ALL if name != "nic")
OWN_HEADERS = {
    "nginx": ("X-Original-URL", "X-Original-Method", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method"),
    "ngf": ("Path", "Method"),
    "nic": ("X-Forwarded-Host", "X-Forwarded-Proto"),
    "envoy": ("X-Forwarded-Proto",),
} | dict.fromkeys(FORWARDED, ("X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method"))

every_dialect = pytest.mark.parametrize("dialect", ALL)
every_path_dialect = pytest.mark.parametrize("dialect", TELLS_PATH)


@pytest.fixture
async def house(sqlite_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(sqlite_url, clock)
    yield built
    await built.close()


async def inside(house: House, username: str = "ada", **values: Any) -> tuple[Door, str]:
    door = await house.application(**values)
    return door, await door.session(await house.login(await house.person(username)))


def closed(answer: Answer) -> bool:
    """Refused in some way, and nobody's name in the answer."""
    assert answer.status in (302, 401, 403, 404, 503), answer
    return not any(name.startswith(("x-authentik", "remote-", "authorization")) for name in answer.headers)


@every_path_dialect
@pytest.mark.parametrize(
    "target",
    ["", "://", "http://%zz/", "/\x00", "/" + "x" * 65536, ".evil.test/", ":8443/", "x/", "@evil.test/", "?x=/", "#/"]
    + ["/ /", "\\/", "*"],
)
async def test_fa_01_an_address_that_is_none_is_denied(house: House, dialect: str, target: str) -> None:
    _, cookie = await inside(house)
    _, domain = await inside(
        house, "bob", host="https://sso.example.com", mode="forward_domain", cookie_domain="example.com"
    )
    assert (await house.ask_as(dialect, ROOT, cookie)).status == 200
    for given in (f"{cookie}; {domain}", None):
        assert closed(await house.ask_as(dialect, f"https://{HOST}{target}", given))


@every_dialect
@pytest.mark.parametrize(
    "host",
    ["", "://", "%zz", "hello.example.com,evil.test", "u:p@hello.example.com", "hello.example.com:", "[::1"]
    + ["hello.example.com:0443x", "hello.example.com\\", "hello.example.com?", "hello.example.com#", "*.example.com"]
    + ["hello..example.com", "hello.example.com:443:443", "hello.example.com ", "x" * 300 + ".example.com"],
)
async def test_fa_01_a_host_that_is_none_is_denied(house: House, dialect: str, host: str) -> None:
    _, cookie = await inside(house)
    answer = await house.ask_as(dialect, f"https://{host}/", cookie)
    if host.endswith(" ") and dialect != "nginx":
        assert answer.status == 200  # no part of a header's value
        return
    assert closed(answer)


@every_dialect
@pytest.mark.parametrize(
    "host", ["ｈello.example.com", "hello。example.com", "HELLO.example.ℂom", "hello.example.com\u00ad"]
)
async def test_fa_25_fa_32_a_host_that_only_we_would_read_as_another_is_denied(
    house: House, dialect: str, host: str
) -> None:
    """A proxy that knows no application of that name serves its default one, and would be told that another may be."""
    _, cookie = await inside(house)
    await house.application("https://xn--bcher-kva.example.com", slug="books")
    for _ in range(2):
        assert (await house.ask_as(dialect, ROOT, cookie)).status == 200
        assert closed(await house.ask_as(dialect, f"https://{host}/", cookie))
    assert (await house.ask_as(dialect, "https://b\u00fccher.example.com/", cookie)).reason == "url.malformed"
    assert (await house.ask_as(dialect, "https://XN--BCHER-KVA.example.com/", cookie)).reason in ("no_cookie", "")


@pytest.mark.parametrize("dialect", [*FORWARDED, "envoy", "nic", "ngf"])
@pytest.mark.parametrize("host", [f"{HOST}/public", f"{HOST}/public/..", f"{HOST}/", f"evil.test/{HOST}"])
async def test_fa_01_a_host_with_a_path_in_it_is_denied(house: House, dialect: str, host: str) -> None:
    """Put before the path, it would have the rules see another one than the application is served."""
    door = await house.application(access="bound")
    await house.bind(door, expression="request.path.startsWith('/public/')")
    cookie = await door.session(await house.login(await house.person()))
    told = [f"X-Forwarded-Host: {host}"]
    if dialect in FORWARDED:
        told += ["X-Forwarded-Proto: https", "X-Forwarded-Uri: /admin", "X-Forwarded-Method: GET"]
    elif dialect == "nic":
        told += ["X-Forwarded-Proto: https"]
    else:
        told = ["Path: /admin", "Method: GET"] if dialect == "ngf" else []
    address = f"/ostiary/auth/{dialect}" + ("/admin" if dialect == "envoy" else "")
    own = host if dialect in ("envoy", "ngf") else "ostiary"
    lines = [f"GET {address} HTTP/1.1", f"Host: {own}", *told, f"Cookie: {cookie}", "Sec-Fetch-Mode: navigate"]
    found = house.responder.answer("\r\n".join([*lines, "", ""]).encode(), b"GET", address.encode(), "127.0.0.1")
    assert isinstance(found, bytes)
    answer = Answer.parse(found)
    assert (answer.status, answer.reason) == (403, "url.malformed")


@every_dialect
@pytest.mark.parametrize("agent", ["kube-probe/1.31", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Envoy/HC", ""])
async def test_fa_02_no_agent_opens_a_door(house: House, dialect: str, agent: str) -> None:
    await inside(house)
    for path in ("", "-/health/live/", "ping", "healthz", "outpost.goauthentik.io/pinger", "ostiary/auth/nginx"):
        for navigation in (True, False):
            asked = house.ask_as(dialect, ROOT + path, None, f"User-Agent: {agent}", navigation=navigation)
            assert closed(await asked)


@every_dialect
async def test_fa_03_what_another_dialect_reads_changes_nothing(house: House, dialect: str) -> None:
    """The visitor's own X-Forwarded-* and X-Original-* meet an application whose rules look at the path."""
    door = await house.application(access="bound")
    await house.bind(door, expression="request.path.startsWith('/public') && request.method == 'GET'")
    cookie = await door.session(await house.login(await house.person()))
    lies = {
        "X-Forwarded-Uri": "/public",
        "X-Forwarded-Method": "GET",
        "X-Original-URL": f"{ROOT}public",
        "X-Original-URI": "/public",
        "X-Original-Method": "GET",
        "X-Rewrite-URL": "/public",
        "X-Http-Method-Override": "GET",
        "Path": "/public",
        "Method": "GET",
        "Forwarded": f"host={HOST};proto=https",
    }
    for name, value in lies.items():
        for method, path in (("GET", "admin"), ("POST", "public")):
            asked = house.ask_as(dialect, ROOT + path, cookie, f"{name}: {value}", method=method, navigation=False)
            assert closed(await asked), name


@every_dialect
async def test_fa_03_a_header_that_comes_twice_is_denied(house: House, dialect: str) -> None:
    _, cookie = await inside(house)
    await house.application("https://other.example.com", access="bound")
    for name in OWN_HEADERS[dialect]:
        if dialect == "nginx" and name.startswith("X-Forwarded"):
            continue
        for value in (ROOT, "/", "GET", "https", HOST, ""):
            for spelled in (name, name.lower(), name.upper()):
                answer = await house.ask_as(dialect, ROOT, cookie, f"{spelled}: {value}")
                assert (answer.status, answer.reason) == (403, "header_doubled")


@every_dialect
async def test_fa_04_nobody_is_a_proxy_until_declared(sqlite_url: str, clock: FakeClock, dialect: str) -> None:
    house = House(sqlite_url, clock, proxies=())
    _, cookie = await inside(house)
    for peer in ("127.0.0.1", "::1", "10.0.0.1", "", "nonsense"):
        answer = await house.ask_as(dialect, ROOT, cookie, peer=peer)
        assert (closed(answer), answer.reason) == (True, "peer_undeclared")
    await house.close()


@every_dialect
async def test_fa_07_mutated_cookies_open_nothing_and_ask_nothing(
    house: House, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cookie = await inside(house)
    assert (await house.ask_as(dialect, ROOT, cookie)).status == 200
    name, _, value = cookie.partition("=")
    chance = random.Random(7)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/%\xe9\t \"',"
    monkeypatch.setattr(house.direct, "query", lambda *_: pytest.fail("the database was asked"))
    for number in range(300):
        at = chance.randrange(len(value))
        mutated = (
            value[:at],
            value[at + 1 :],
            value[:at] + chance.choice(letters) + value[at + 1 :],
            value * (number % 120 + 2),
            value + "=",
            "",
        )[number % 6]
        if mutated.strip() != value:
            assert closed(await house.ask_as(dialect, ROOT, f"{name}={mutated}")), mutated
    for other in (f"x{cookie}", f"a=x{cookie}", f"a={cookie}", cookie.swapcase(), name):
        assert closed(await house.ask_as(dialect, ROOT, other))
    monkeypatch.undo()
    assert (await house.ask_as(dialect, ROOT, cookie)).headers["x-authentik-username"] == "ada"


@every_dialect
async def test_fa_07_of_two_good_cookies_none_wins(house: House, dialect: str) -> None:
    door, cookie = await inside(house)
    second = await door.session(await house.login(await house.person("bob")))
    for _ in range(2):
        assert closed(await house.ask_as(dialect, ROOT, f"{cookie}; {second}"))
        assert closed(await house.ask_as(dialect, ROOT, second, f"Cookie: {cookie}"))


@every_dialect
async def test_fa_08_a_policy_that_fails_denies(house: House, dialect: str) -> None:
    door, cookie = await inside(house, access="bound")
    for expression in ("1 / 0 == 1", "user.attributes.missing", "in_network(request.client_ip, '10.0.0.0/8')"):
        await house.bind(door, expression=expression, negate=True)
    for forwarded in ("a", ",", "999.1.1.1", "::g", ""):
        answer = await house.ask_as(dialect, ROOT, cookie, f"X-Forwarded-For: {forwarded}", navigation=False)
        assert closed(answer)


@every_dialect
@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-Port: 8443", "X-Forwarded-Prefix: /public", "X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1"]
    + [f"Forwarded: for=10.0.0.1;host={HOST};proto=http"],
)
async def test_fa_11_an_undeclared_peers_words_change_nothing(house: House, dialect: str, header: str) -> None:
    _, cookie = await inside(house)
    bare = await house.ask_as(dialect, ROOT, cookie, peer="192.0.2.1")
    assert await house.ask_as(dialect, ROOT, cookie, header, peer="192.0.2.1") == bare
    assert (closed(bare), bare.reason) == (True, "peer_undeclared")


@every_dialect
async def test_fa_12_what_was_decided_for_one_application_is_not_said_at_another(house: House, dialect: str) -> None:
    door, cookie = await inside(house)
    other = await house.application("https://other.example.com")
    name, _, value = cookie.partition("=")
    renamed = f"{name.replace(door.uuid[:8], other.uuid[:8])}={value}"
    for _ in range(2):
        assert (await house.ask_as(dialect, ROOT, cookie)).status == 200
        assert closed(await house.ask_as(dialect, "https://other.example.com/", cookie))
        answer = await house.ask_as(dialect, "https://other.example.com/", renamed)
        assert (closed(answer), answer.reason) == (True, "other_application")


@every_path_dialect
async def test_fa_13_a_decision_about_one_request_is_not_kept_for_the_next(house: House, dialect: str) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="request.method == 'GET' && request.path == '/read'")
    cookie = await door.session(await house.login(await house.person()))
    for method, path, status in (
        ("GET", "read", 200),
        ("POST", "read", 403),
        ("GET", "write", 403),
        ("GET", "read", 200),
        ("DELETE", "read", 403),
    ):
        answer = await house.ask_as(dialect, ROOT + path, cookie, method=method, navigation=False)
        assert answer.status == status
