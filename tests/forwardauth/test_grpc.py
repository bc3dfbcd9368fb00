"""The gRPC face with a real client: questions as Envoy asks them, and answers of a responder that a test tells."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import grpc.aio
import pytest
from envoy.config.core.v3.base_pb2 import HeaderMap, HeaderValue
from envoy.service.auth.v3.attribute_context_pb2 import AttributeContext
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub

from ostiary.forwardauth.decide import Verdict
from ostiary.forwardauth.grpc import GrpcFace, head_of, response_of
from ostiary.forwardauth.headers import answer
from ostiary.web.gate import Limits
from ostiary.web.supervisor import listen
from tests.clock import FakeClock
from tests.forwardauth.house import House

ALLOWED = answer(
    b"200 OK",
    b"X-authentik-username: ada",
    b"X-authentik-groups: ",
    "X-authentik-name: Ada Łovelace".encode(),
    b"x-envoy-auth-headers-to-remove: x_authentik_username, remote-user,X-authentik-username",
)


class Stub:
    """Remembers what it was asked; ``reply`` is an answer, an exception or a function's."""

    def __init__(self) -> None:
        self.reply: Any = ALLOWED
        self.counts = dict.fromkeys(Verdict, 0)
        self.asked: list[tuple[bytes, bytes, bytes, str]] = []

    def answer(
        self, head: bytes, method: bytes, target: bytes, peer: str, *, declared: bool = False
    ) -> bytes | Awaitable[bytes] | None:
        assert declared
        self.asked.append((head, method, target, peer))
        if isinstance(self.reply, Exception):
            raise self.reply
        reply: bytes | Awaitable[bytes] | None = self.reply() if callable(self.reply) else self.reply
        return reply

    @property
    def refused(self) -> int:
        return self.counts[Verdict.REFUSED]


class Line:
    """A face behind a real listening socket, and a client of it."""

    def __init__(self, stub: Stub, face: GrpcFace, listener: socket.socket) -> None:
        self.stub, self.face = stub, face
        self.address = "{}:{}".format(*listener.getsockname()[:2])
        self.channel = grpc.aio.insecure_channel(self.address)

    async def check(self, request: CheckRequest | None = None, seconds: float = 30) -> CheckResponse:
        return await AuthorizationStub(self.channel).Check(request or question(), timeout=seconds)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    stub = Stub()
    face = GrpcFace(checks=stub)
    listener = listen("127.0.0.1", 0, "listen.grpc")
    await face.start(listener)
    line = Line(stub, face, listener)
    yield line
    await line.channel.close()
    await face.stop(0)


def question(
    path: str = "/app?x=1&y=%2F",
    method: str = "GET",
    host: str = "app.example.com",
    scheme: str = "https",
    raw: list[tuple[str, bytes]] | None = None,
    **headers: str,
) -> CheckRequest:
    """As Envoy asks: pseudo headers beside the visitor's; ``raw`` stands for ``encode_raw_headers``."""
    pseudo = {":method": method, ":path": path, ":authority": host, ":scheme": scheme}
    http = AttributeContext.HttpRequest(method=method, path=path, host=host, scheme=scheme, protocol="HTTP/1.1")
    if raw is None:
        http.headers.update(pseudo | {name.replace("_", "-"): value for name, value in headers.items()})
    else:
        lines = [(name, value.encode()) for name, value in pseudo.items()] + raw
        http.header_map.CopyFrom(HeaderMap(headers=[HeaderValue(key=name, raw_value=value) for name, value in lines]))
    return CheckRequest(attributes=AttributeContext(request=AttributeContext.Request(http=http)))


def lines(response: CheckResponse) -> dict[str, str]:
    found = response.denied_response.headers or response.ok_response.headers
    assert not any(option.HasField("append") for option in found)
    assert len({option.header.key for option in found}) == len(found)
    return {option.header.key: option.header.value for option in found}


async def test_the_question_is_one_for_the_envoy_address(line: Line) -> None:
    request = question(
        cookie="a=1; b=2", authorization="Bearer x", upgrade="websocket", connection="upgrade", content_length="7"
    )
    await line.check(request)
    head, method, target, peer = line.stub.asked[0]
    assert (method, target, peer) == (b"GET", b"/ostiary/auth/envoy/app?x=1&y=%2F", "127.0.0.1")
    first, *rest = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert first == b"GET /ostiary/auth/envoy/app?x=1&y=%2F HTTP/1.1"
    assert sorted(rest) == [
        b"Host: app.example.com",
        b"X-Forwarded-Proto: https",
        b"authorization: Bearer x",
        b"cookie: a=1; b=2",
    ]


async def test_an_allow_sets_every_header_and_removes_no_name_that_it_sets(line: Line) -> None:
    response = await line.check()
    assert response.status.code == 0
    assert lines(response) == {
        "x-authentik-username": "ada",
        "x-authentik-groups": "",
        "x-authentik-name": "Ada Łovelace",
    }
    assert list(response.ok_response.headers_to_remove) == ["x_authentik_username", "remote-user"]
    assert not response.ok_response.response_headers_to_add
    assert line.stub.refused == 0


async def test_a_refusal_reaches_the_browser_whole(line: Line) -> None:
    body = b'{"error":"forward_auth.sign_in"}'
    line.stub.reply = (
        b"HTTP/1.1 302 Found\r\nContent-Length: %d\r\nCache-Control: no-store\r\nLocation: https://id.example.com/s?a=1\r\n"
        b"Set-Cookie: __Host-ostiary_try_01234567=x; Path=/; Secure\r\nContent-Type: application/json\r\n\r\n%b"
        % (len(body), body)
    )
    response = await line.check()
    assert response.status.code == 7
    assert response.denied_response.status.code == 302
    assert response.denied_response.body.encode() == body
    assert lines(response) == {
        "cache-control": "no-store",
        "location": "https://id.example.com/s?a=1",
        "set-cookie": "__Host-ostiary_try_01234567=x; Path=/; Secure",
        "content-type": "application/json",
    }


@pytest.mark.parametrize("status", [b"401 Unauthorized", b"403 Forbidden", b"503 Service Unavailable"])
async def test_every_other_verdict_is_denied_with_its_status(line: Line, status: bytes) -> None:
    line.stub.reply = answer(status)
    response = await line.check()
    assert response.status.code == 7
    assert response.denied_response.status.code == int(status[:3])
    assert not response.HasField("ok_response")


async def later() -> bytes:
    await asyncio.sleep(0)
    return ALLOWED


async def broken() -> bytes:
    await asyncio.sleep(0)
    raise RuntimeError("secret")


async def test_an_answer_that_takes_time_is_waited_for(line: Line) -> None:
    line.stub.reply = later
    assert (await line.check()).status.code == 0


@pytest.mark.parametrize(
    "reply",
    [
        RuntimeError("secret"),
        broken,
        None,
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        answer(b"204 No Content"),
        answer(b"206 Partial Content"),
        answer(b"101 Switching Protocols"),
        answer(b"200 OK", b"X-authentik-name: \xff"),
    ],
)
async def test_whatever_is_no_whole_answer_denies(line: Line, reply: Any) -> None:
    line.stub.reply = reply
    response = await line.check()
    assert response.status.code == 7
    assert response.denied_response.status.code in (403, 503)
    assert b"secret" not in response.SerializeToString()
    # gRPC may ask again by itself.
    assert line.stub.refused >= 1


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (question(path=""), "path_invalid"),
        (question(path="*"), "path_invalid"),
        (question(path="https://app.example.com/app"), "path_invalid"),
        (question(path="/app HTTP/1.1\r\nHost: other.example.com"), "path_invalid"),
        (question(path="/app#/public"), "path_invalid"),
        (question(path="/app\0"), "path_invalid"),
        (question(method=""), "method_invalid"),
        (question(method="GET / HTTP/1.1\r\nX: "), "method_invalid"),
        (question(host=""), "host_invalid"),
        (question(host="app.example.com\r\nCookie: a=1"), "host_invalid"),
        (question(host="user@app.example.com"), "host_invalid"),
        (question(host="app.example.com, other.example.com"), "host_invalid"),
        (question(scheme="javascript"), "scheme_invalid"),
        (question(cookie="a=1\r\nX-Forwarded-Proto: http"), "header_value_invalid"),
        (question(cookie="a=1\n"), "header_value_invalid"),
        (question(cookie="a=1\0"), "header_value_invalid"),
        (question(raw=[("cookie\r\nx", b"a=1")]), "header_name_invalid"),
        (question(raw=[("x y", b"1")]), "header_name_invalid"),
        (question(raw=[("", b"1")]), "header_name_invalid"),
        (question(raw=[(":path", b"/public")]), "pseudo_header"),
        (question(raw=[(":authority", b"other.example.com")]), "pseudo_header"),
        (question(raw=[("host", b"other.example.com")]), "pseudo_header"),
        (question(raw=[(":status", b"200")]), "pseudo_header"),
        (question(raw=[("x-forwarded-host", b"a"), ("x-forwarded-host", b"b")]), "head_refused"),
        (question(method="CONNECT"), "head_refused"),
        (question(raw=[(f"x-{number}", b"1") for number in range(101)]), "head_refused"),
        (question(path="/" + "a" * 32_768), "head_too_large"),
        (question(cookie="a" * 32_768), "head_too_large"),
    ],
)
async def test_what_could_be_read_in_two_ways_is_refused_unasked(
    line: Line, request_: CheckRequest, reason: str
) -> None:
    response = await line.check(request_)
    assert response.status.code == 7
    assert lines(response)["x-ostiary-reason"] == reason
    assert 400 <= response.denied_response.status.code < 500
    assert line.stub.asked == []
    assert line.stub.refused == 1


def test_raw_headers_keep_their_bytes() -> None:
    head, _, _ = head_of(question(raw=[("x-name", b"caf\xe9"), ("cookie", b"a=1")]).attributes.request.http)
    assert b"\r\nx-name: caf\xe9\r\n" in head
    assert b"\r\ncookie: a=1\r\n" in head


def test_a_visitors_scheme_is_not_read() -> None:
    head, _, _ = head_of(question(scheme="http", x_forwarded_proto="https").attributes.request.http)
    assert head.lower().count(b"x-forwarded-proto") == 1
    assert b"\r\nX-Forwarded-Proto: http\r\n" in head


def test_an_empty_question_is_no_question() -> None:
    with pytest.raises(Exception, match="method_invalid"):
        head_of(CheckRequest().attributes.request.http)


def test_a_cookie_on_an_allow_goes_nowhere() -> None:
    response = response_of(answer(b"200 OK", b"Set-Cookie: a=1", b"X-authentik-uid: 7"))
    assert lines(response) == {"x-authentik-uid": "7"}
    assert not response.ok_response.response_headers_to_add


async def test_a_message_beyond_the_limit_is_an_error_and_no_allow(line: Line) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await line.check(question(cookie="a" * 300_000))
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert line.stub.asked == []


async def test_a_connection_past_the_listening_socket_is_nobodys(line: Line) -> None:
    with open("/proc/net/unix") as names:  # noqa: ASYNC230, PTH123 - a read of memory
        inner = {name.split()[-1][1:] for name in names if "@ostiary-" in name and name.split()[3] == "00010000"}
    reasons = set()
    for name in inner:
        async with grpc.aio.insecure_channel(f"unix-abstract:{name}") as channel:
            try:
                response = await AuthorizationStub(channel).Check(question(), timeout=10)
            except grpc.aio.AioRpcError:
                continue  # another test's
            reasons.add(lines(response)["x-ostiary-reason"])
    assert reasons == {"peer_unknown"}
    assert line.stub.asked == []


async def test_stopping_ends_what_is_under_way_and_takes_nothing_new(line: Line) -> None:
    begun = asyncio.Event()
    go_on = asyncio.Event()

    async def slow() -> bytes:
        begun.set()
        await go_on.wait()
        return ALLOWED

    line.stub.reply = slow
    check = asyncio.ensure_future(line.check())
    await begun.wait()
    stopping = asyncio.ensure_future(line.face.stop(0))
    await asyncio.sleep(0)
    go_on.set()
    assert (await check).status.code == 0
    await stopping


async def test_a_smaller_limit_is_the_gates() -> None:
    stub = Stub()
    face = GrpcFace(checks=stub, limits=Limits(head=200))
    listener = listen("127.0.0.1", 0, "listen.grpc")
    await face.start(listener)
    line = Line(stub, face, listener)
    assert (await line.check()).status.code == 0
    assert (await line.check(question(cookie="a" * 200))).denied_response.status.code == 431
    await line.channel.close()
    await face.stop(0)


@pytest.mark.parametrize(
    ("kind", "path_secrets", "status"),
    [
        ("envoy", (), 0),
        ("any", (), 0),
        ("nginx", (), 403),
        (None, (), 403),
        ("envoy", ("s" * 32,), 0),
        (None, ("s" * 32,), 403),
    ],
)
async def test_the_declared_peer_alone_counts(
    database_url: str, clock: FakeClock, kind: str | None, path_secrets: tuple[str, ...], status: int
) -> None:
    """Path secrets are for addresses, and gRPC has none."""
    proxies = (("127.0.0.1/32", kind),) if kind else (("10.0.0.0/8", "any"),)
    house = House(database_url, clock, proxies=proxies, path_secrets=path_secrets)
    await house.sign()
    door = await house.application("https://app.example.com")
    cookie = await door.session(await house.login(await house.person()))
    await house.let_know()
    face = GrpcFace(checks=house.responder)
    listener = listen("127.0.0.1", 0, "listen.grpc")
    await face.start(listener)
    line = Line(Stub(), face, listener)
    response = await line.check(question(cookie=cookie))
    assert (response.status.code == 0) == (status == 0)
    assert response.denied_response.status.code == status
    if status == 0:
        assert lines(response)["x-authentik-username"] == "ada"
        assert "remote-user" in response.ok_response.headers_to_remove
        assert not set(lines(response)) & set(response.ok_response.headers_to_remove)
        stranger = await line.check(question(sec_fetch_mode="navigate"))
        assert stranger.denied_response.status.code == 302
        assert "location" in lines(stranger)
    else:
        assert house.responder.counts[Verdict.REFUSED] == 1
    await line.channel.close()
    await face.stop(0)
    await house.close()
