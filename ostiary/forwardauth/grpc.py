"""The forward-auth check as Envoy asks it over gRPC: ``envoy.service.auth.v3.Authorization/Check``.

A question is turned into the request head that the ``envoy`` address reads, shown to the same gate and the same
responder as one over HTTP, and the answer's bytes are turned into a ``CheckResponse``. Nothing is judged here, and
whatever cannot be turned either way is denied.

Imported only where `listen.grpc` is set: gRPC costs 20 MB.
"""

import asyncio
import re
import secrets
import socket
from collections.abc import Awaitable, Iterator
from typing import Any, Final, Protocol

import grpc.aio
import structlog
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3.attribute_context_pb2 import AttributeContext
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationServicer, add_AuthorizationServicer_to_server
from envoy.type.v3.http_status_pb2 import HttpStatus, StatusCode
from google.rpc.status_pb2 import Status

from ostiary.forwardauth.complaints import Complaints
from ostiary.forwardauth.decide import Verdict
from ostiary.web.gate import Gate, Limits
from ostiary.web.relay import Relay

ADDRESS = b"/ostiary/auth/envoy"
_OK, _PERMISSION_DENIED = 0, 7  # google.rpc.Code

# A longest head of Envoy's own, 60 kB by default, still gets an answer that says why.
_LARGEST_MESSAGE = 256 * 1024
_STREAMS = 256
# Envoy waits 200 ms unless told otherwise; nobody waits longer than this.
_LONGEST_CHECK = 10.0
# A connection is asked to end after so long, whereupon its proxy opens another one. So a worker that is replaced has
# none left soon, without breaking one that is in use (RFC 9113 section 6.8).
_CONNECTION_SECONDS = 10
_LAST_CALL_SECONDS = 5.0

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
    ("grpc.max_send_message_length", _LARGEST_MESSAGE),
    ("grpc.max_concurrent_streams", _STREAMS),
    ("grpc.max_connection_age_ms", _CONNECTION_SECONDS * 1000),
    ("grpc.max_connection_age_grace_ms", int(_LAST_CALL_SECONDS * 1000)),
    # Proxies may ping as often as they like.
    ("grpc.http2.max_ping_strikes", 0),
)

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_PATH = re.compile(r"/[^\x00-\x20\x7f#]*")
_HOST = re.compile(r"[^\x00-\x20\x7f,/?#@\\]+")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# About the connection between the visitor and the proxy, or about a body that the question does not have; and what is
# written anew from the attributes.
_LEFT_OUT: Final = frozenset(
    ("connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "proxy-connection", "te")
    + ("trailer", "transfer-encoding", "upgrade", "x-envoy-auth-partial-body", "x-forwarded-proto")
)
_REMOVE = b"x-envoy-auth-headers-to-remove"
# Lines of an answer that are about the answer itself.
_FRAMING: Final = frozenset((b"connection", b"content-length", b"date", b"server"))
_NOT_FOR_APPLICATIONS: Final = _FRAMING | {b"cache-control", b"content-type", b"set-cookie", b"location"}

_log = structlog.get_logger("forwardauth")


class Checks(Protocol):
    """The responder, as far as it is needed here."""

    counts: dict[Verdict, int]

    def answer(
        self, head: bytes, method: bytes, target: bytes, peer: str, *, declared: bool = False
    ) -> bytes | Awaitable[bytes] | None:
        """``declared``: the peer's address alone says whether it may ask, since no address here could hold a secret."""


class Refused(Exception):
    """A question that cannot be asked as an HTTP request, for a stable reason."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def head_of(http: AttributeContext.HttpRequest) -> tuple[bytes, bytes, bytes]:
    """(head, method, target) of the question that ``http`` is. Raises `Refused` for what could be read in two ways."""
    method, path, host, scheme = http.method, http.path, http.host, http.scheme.lower()
    if not _METHOD.fullmatch(method):
        raise Refused("method_invalid")
    if not _PATH.fullmatch(path):
        raise Refused("path_invalid")
    if not _HOST.fullmatch(host):
        raise Refused("host_invalid")
    if scheme not in ("", "http", "https"):
        raise Refused("scheme_invalid")
    target = ADDRESS + path.encode()
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: " + host.encode()]
    if scheme:
        lines.append(b"X-Forwarded-Proto: " + scheme.encode())
    expected = {":method": method, ":path": path, ":authority": host, "host": host}
    for name, value in _headers(http):
        if name in expected:
            if value != expected[name].encode():
                raise Refused("pseudo_header")
        elif name.startswith(":"):
            # :scheme is Envoy's own, and may differ in case; no other says anything about this request.
            if name not in (":scheme", ":protocol"):
                raise Refused("pseudo_header")
        elif not _NAME.fullmatch(name):
            raise Refused("header_name_invalid")
        elif _CONTROL.search(value):
            raise Refused("header_value_invalid")
        elif name not in _LEFT_OUT:
            lines.append(name.encode() + b": " + value.strip(b" \t"))
    return b"\r\n".join(lines) + b"\r\n\r\n", method.encode(), target


def _headers(http: AttributeContext.HttpRequest) -> Iterator[tuple[str, bytes]]:
    """Names in lower case. With ``encode_raw_headers``, Envoy sends a list that keeps bytes and doubled headers."""
    for header in http.header_map.headers:
        yield header.key.lower(), header.raw_value or header.value.encode()
    for name, value in http.headers.items():
        yield name.lower(), value.encode()


def response_of(answer: bytes) -> CheckResponse:
    """The same answer for gRPC. Raises ValueError for one that is not whole."""
    head, end, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.split(b"\r\n")
    pairs = [(name.lower(), value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)]
    if not end or dict(pairs).get(b"content-length") != str(len(body)).encode():
        raise ValueError("an answer that is not whole")
    status = int(status_line.split(b" ")[1])
    if status == 200:
        removed = [name for names in _values(pairs, _REMOVE) for name in names.replace(b" ", b"").split(b",") if name]
        set_here = [pair for pair in pairs if pair[0] not in _NOT_FOR_APPLICATIONS and pair[0] != _REMOVE]
        names = {name for name, _ in set_here}
        return CheckResponse(
            status=Status(code=_OK),
            ok_response=OkHttpResponse(
                headers=[_header(*pair) for pair in set_here],
                # Removal is done last and wins: a name that is set must not be among them.
                headers_to_remove=[name.decode("ascii") for name in removed if name.lower() not in names],
            ),
        )
    if not 300 <= status < 600:
        raise ValueError("an answer that neither allows nor denies")
    return CheckResponse(
        status=Status(code=_PERMISSION_DENIED),
        denied_response=DeniedHttpResponse(
            status=_status(status),
            headers=[_header(*pair) for pair in pairs if pair[0] not in _FRAMING],
            body=body.decode(),
        ),
    )


def denied(status: int, reason: str) -> CheckResponse:
    """A refusal of ours, before anybody was asked."""
    lines = ((b"cache-control", b"no-store"), (b"x-ostiary-reason", reason.encode()))
    return CheckResponse(
        status=Status(code=_PERMISSION_DENIED),
        denied_response=DeniedHttpResponse(status=_status(status), headers=[_header(*line) for line in lines]),
    )


def _values(pairs: list[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value for name, value in pairs if name == wanted]


def _header(name: bytes, value: bytes) -> HeaderValueOption:
    # ``append`` stays unset: true would add our value to the visitor's.
    return HeaderValueOption(header=HeaderValue(key=name.decode("ascii"), value=value.decode()))


def _status(code: int) -> HttpStatus:
    # Envoy knows the codes that its enumeration lists.
    return HttpStatus(code=StatusCode.Name(code) if code in StatusCode.values() else "Forbidden")


class GrpcFace(AuthorizationServicer):  # type: ignore[misc]  # generated, without types
    """One worker's gRPC server."""

    def __init__(self, *, checks: Checks, limits: Limits | None = None) -> None:
        self._checks = checks
        self._gate = Gate(limits or Limits())
        self._name = f"ostiary-{secrets.token_hex(16)}"
        self._relay = Relay(self._name)
        self._complaints = Complaints()
        self._server: grpc.aio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Answers from now on."""
        self._server = server = grpc.aio.server(options=_OPTIONS)
        add_AuthorizationServicer_to_server(self, server)
        server.add_insecure_port(f"unix-abstract:{self._name}")
        await server.start()
        await self._relay.open(listener)

    async def stop(self, patience: float) -> None:
        """Takes no new connection. For ``patience`` seconds, those that are there end in their own time; then they are
        told to, and what is under way is finished.
        """
        self._relay.close()
        await self._relay.empty(patience)
        if self._server is not None:
            await self._server.stop(_LAST_CALL_SECONDS)

    @property
    def turned_away(self) -> int:
        """How many connections there was no room for."""
        return self._relay.turned_away

    async def Check(self, request: CheckRequest, context: Any) -> CheckResponse:  # noqa: N802 - the service's name
        """Answers one question; every error is a denial."""
        peer = self._relay.peer(context.peer().removeprefix("unix-abstract:"))
        try:
            async with asyncio.timeout(_LONGEST_CHECK):
                return await self._answer(request.attributes.request.http, peer)
        except Refused as refused:
            return self._refuse(refused, peer)
        except Exception as error:  # noqa: BLE001 - whatever it is, it opens nothing
            _log.error("check_failed", peer=peer, error=type(error).__name__, exc_info=error)
            return self._refuse(Refused("check_failed", 503), peer)

    async def _answer(self, http: AttributeContext.HttpRequest, peer: str) -> CheckResponse:
        if not peer:
            raise Refused("peer_unknown", 403)
        head, method, target = head_of(http)
        if len(head) > self._gate.limits.head:
            raise Refused("head_too_large", 431)
        refusal = self._gate.refuses(head)
        if refusal is not None or not self._gate.complete:
            raise Refused("head_refused", 400 if refusal is None else int(refusal.split(b" ", 2)[1]))
        answer = self._checks.answer(head, method, target, peer, declared=True)
        if answer is None:
            raise Refused("not_a_check", 403)
        return response_of(answer if isinstance(answer, bytes) else await answer)

    def _refuse(self, refused: Refused, peer: str) -> CheckResponse:
        self._checks.counts[Verdict.REFUSED] += 1
        self._complaints.tell(refused.reason, peer, face="grpc")
        return denied(refused.status, refused.reason)
