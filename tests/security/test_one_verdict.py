"""FA-32: the same question comes to the same verdict in the words of every proxy; none is judged as another request."""

from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import pytest
from envoy.service.auth.v3.attribute_context_pb2 import AttributeContext
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ostiary.forwardauth.grpc import GrpcFace, Refused
from ostiary.forwardauth.identify import BAD_COOKIE, ELSEWHERE, ENDED, EXPIRED, IDLE, NO_COOKIE
from tests.clock import FakeClock
from tests.forwardauth.house import Answer, House
from tests.security.test_fa_every_dialect import ALL, TELLS_PATH

T = TypeVar("T")
SIGN_IN = {NO_COOKIE, BAD_COOKIE, ENDED, ELSEWHERE, EXPIRED, IDLE, ""}
KNOWN = {"not_allowed", "unknown_host", "ambiguous_path"}

NAMES = ("plain", "rule", "paths", "open", "off", "wide", "sso", "nobody")
HOSTS = st.builds(
    lambda name, domain, case, port: case(f"{name}.{domain}") + port,
    st.sampled_from(NAMES),
    st.sampled_from(("example.com", "example.com.", "example.org", "example.com.evil.test", "b\u00fccher.example.com")),
    st.sampled_from((str, str.upper, str.title)),
    st.sampled_from(("", "", "", ":443", ":80", ":8443", ":0", ":x", ":")),
)
PIECES = ("/", "a", "admin", "public", "x", "/", "..", ".", "%2e", "%2F", "%5c", "\\", ";", "?", "&", "=", "//", "%61")
TARGETS = st.lists(
    st.sampled_from((*PIECES, "#", "%", "%zz", "%00", "%25", "\u00e9", "%c3%a9", "%ff", "+", "@", ":", "*"))
)
METHODS = st.sampled_from(("GET", "POST", "HEAD", "OPTIONS", "DELETE"))
MANNERS = st.sampled_from(("page", "script", "preflight"))
PREFLIGHT = ("Origin: https://other.test", "Access-Control-Request-Method: PUT")


@pytest.fixture
async def house(sqlite_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(sqlite_url, clock)
    yield built
    await built.close()


def now(answer: Coroutine[Any, Any, T]) -> T:
    """On SQLite nothing has to be waited for."""
    try:
        answer.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    raise AssertionError("a check waited")


def verdict(answer: Answer) -> tuple[str, str]:
    """(what it comes to, who is named)."""
    if answer.status == 200:
        return "allow", answer.headers["x-authentik-username"]
    assert not any(name.startswith("x-authentik-") for name in answer.headers)
    assert answer.status in (302, 401, 403)
    if answer.reason in SIGN_IN:
        assert answer.status != 403
        return "sign_in", ""
    return answer.reason if answer.reason in KNOWN else "refused", ""


def over_grpc(house: House, url: str, method: str, headers: list[str]) -> tuple[str, str]:
    """The verdict of Envoy's question about an address, asked over gRPC."""
    host, slash, tail = url.removeprefix("https://").partition("/")
    pairs = {name.lower(): value for name, _, value in (line.partition(": ") for line in headers)}
    http = AttributeContext.HttpRequest(method=method, host=host, path=slash + tail, scheme="https", headers=pairs)
    try:
        answer = now(GrpcFace(checks=house.responder)._answer(http, "127.0.0.1"))
    except Refused:
        return "refused", ""
    said = answer.ok_response.headers if answer.HasField("ok_response") else answer.denied_response.headers
    lines = {option.header.key: option.header.value for option in said}
    if answer.HasField("ok_response"):
        assert answer.status.code == 0
        assert not {"set-cookie", "location", "authorization"} & set(lines)
        return "allow", lines["x-authentik-username"]
    return verdict(Answer(answer.denied_response.status.code, lines))


async def built(house: House) -> list[str]:
    """Applications of every kind; the cookies of somebody with a session at each of them, and some that are no good."""
    doors = [
        await house.application("https://plain.example.com"),
        await house.application("https://rule.example.com", access="bound"),
        await house.application("https://paths.example.com", slug="root", access="bound"),
        await house.application("https://paths.example.com/admin", slug="admin"),
        await house.application("https://paths.example.com/admin/x", slug="x", access="bound"),
        await house.application("https://open.example.com", open_paths=["/public"], cors_preflight=True),
        await house.application("https://off.example.com", enabled=False, open_paths=["/public"], cors_preflight=True),
        await house.application("https://sso.example.com", mode="forward_domain", cookie_domain="example.com"),
        await house.application("https://wide.example.org:8443", handoff="in_place"),
    ]
    await house.bind(doors[1], expression="request.path.startsWith('/public') && request.method == 'GET'")
    login = await house.login(await house.person())
    cookies = [await door.session(login) for door in doors]
    return [*cookies, *(f"{cookie[:-2]}AA" for cookie in cookies[:3]), "a=b", f"x{cookies[0]}"]


async def test_fa_32_every_dialect_comes_to_the_same_verdict(house: House) -> None:
    cookies = await built(house)

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(HOSTS, TARGETS, METHODS, st.lists(st.sampled_from(cookies), max_size=5), MANNERS)
    @example("paths.example.com", ["admin", "/", "x", "/", ".."], "GET", cookies[2:5], "script")
    @example("open.example.com", ["public", "/", "a"], "GET", [], "page")
    @example("open.example.com", ["a"], "OPTIONS", [], "preflight")
    @example("Rule.Example.Com.:443", ["public"], "GET", cookies[1:2], "page")
    def agree(host: str, pieces: list[str], method: str, some: list[str], manner: str) -> None:
        url = f"https://{host}/{''.join(pieces)}"
        more = PREFLIGHT if manner == "preflight" else ()
        found = {
            dialect: verdict(
                now(
                    house.ask_as(
                        dialect, url, "; ".join(some) or None, *more, method=method, navigation=manner == "page"
                    )
                )
            )
            for dialect in ALL
        }
        assert len({found[dialect] for dialect in TELLS_PATH}) == 1, found
        if url.isascii():
            headers = [*more, "Sec-Fetch-Mode: navigate" if manner == "page" else "Accept: */*"]
            if some:
                headers.append(f"Cookie: {'; '.join(some)}")
            assert over_grpc(house, url, method, headers) == found["envoy"], found
        # Who tells no path may be told less, and never more.
        if found["nic"][0] == "allow":
            assert found["nginx"] in (found["nic"], ("refused", ""))

    agree()


async def test_fa_32_a_verdict_is_the_same_a_second_time_and_from_memory(house: House) -> None:
    cookies = "; ".join(await built(house))
    hosts = [f"{name}.example.com" for name in NAMES] + ["wide.example.org:8443", "PLAIN.example.com.", "x.Example.com"]
    paths = ("/", "/public", "/public/x", "/admin", "/admin/x", "/admin/y?z=1", "/admin/../x", "//")
    for host in hosts:
        for path in paths:
            for dialect in TELLS_PATH:
                first, second, third = [
                    verdict(await house.ask_as(dialect, f"https://{host}{path}", cookies)) for _ in range(3)
                ]
                assert first == second == third, (host, path, dialect)
    assert house.responder.remembered > 100
