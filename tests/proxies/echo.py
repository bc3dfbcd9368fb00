"""Applications that know nothing about logins and tell what reached them: one behind WSGI, one behind ASGI.

WSGI is here because it folds header names: ``X_Auth_User``, ``x-auth-user`` and ``X-Auth-User`` are one variable there.
"""

import asyncio
import base64
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any, Protocol, Self, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Arrived:
    """One request as the application saw it: header names in lower case, in order, doubled ones included.

    ``environ`` holds the ``HTTP_*`` variables, behind WSGI alone.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    environ: dict[str, str]
    size: int
    digest: str

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str | None:
        """The header's only value, or None; a doubled one fails the test."""
        values = self.all(name)
        assert len(values) < 2, (name, values)
        return values[0] if values else None

    def body(self) -> bytes:
        """What the application answers: all of the above as JSON."""
        facts = {"line": f"{self.method} {self.target}", "headers": self.headers, "environ": self.environ}
        return json.dumps(facts | {"size": self.size, "digest": self.digest}).encode()


class Echo(Protocol):
    """An application; ``address`` is where it listens, ``seen`` what reached it."""

    seen: list[Arrived]
    address: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Wsgi:
    """The application behind the standard library's WSGI server. ``with`` it."""

    def __init__(self) -> None:
        self.seen: list[Arrived] = []
        self._server = _WsgiServer(("127.0.0.1", 0), _WsgiHandler)
        self._server.set_app(self._answer)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        variables = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
        arrived = Arrived(
            environ["REQUEST_METHOD"],
            environ["rig.target"],
            environ["rig.headers"],
            variables,
            len(body),
            hashlib.sha256(body).hexdigest(),
        )
        self.seen.append(arrived)
        answer = arrived.body()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]


class _WsgiServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False


class _WsgiHandler(WSGIRequestHandler):
    raw_requestline: bytes

    def get_environ(self) -> dict[str, Any]:
        environ = super().get_environ()
        # Beside what WSGI says, the bytes themselves: ``path`` has lost a doubled slash.
        environ["rig.target"] = self.raw_requestline.decode("latin-1").split(" ")[1]
        environ["rig.headers"] = tuple((name.lower(), value) for name, value in self.headers.items())
        return environ

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


class Asgi:
    """The application behind uvicorn, with a websocket that sends back what it gets. ``with`` it."""

    def __init__(self) -> None:
        self.seen: list[Arrived] = []
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self._answer,
            http="httptools",
            ws=self._websocket,  # type: ignore[arg-type]
            loop="asyncio",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=256 * 1024,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(5)
        self._socket.close()

    async def _answer(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "http"
        size, digest, more = 0, hashlib.sha256(), True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            size += len(message["body"])
            digest.update(message["body"])
            more = message["more_body"]
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        arrived = Arrived(
            scope["method"],
            target.decode("latin-1"),
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            {},
            size,
            digest.hexdigest(),
        )
        self.seen.append(arrived)
        body = arrived.body()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _websocket(self, **_: object) -> asyncio.Protocol:
        return _EchoSocket(self.seen)


class _EchoSocket(asyncio.Protocol):
    """RFC 6455 as far as an echo needs it: the handshake, and one short frame at a time."""

    def __init__(self, seen: list[Arrived]) -> None:
        self._seen = seen
        self._buffer = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            head, end, self._buffer = self._buffer.partition(b"\r\n\r\n")
            assert end
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            pairs = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
            self._seen.append(Arrived(method, target, pairs, {}, 0, ""))
            key = dict(pairs)["sec-websocket-key"].encode()
            accept = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest()).decode()
            self._transport.write(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
            )
            self._open = True
        while len(self._buffer) >= 6 and len(self._buffer) >= (size := 6 + (self._buffer[1] & 0x7F)):
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            mask = frame[2:6]
            text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(frame[6:]))
            self._transport.write(struct.pack("!BB", 0x81, len(text)) + text)


def say(wire: socket.socket, text: bytes) -> bytes:
    """Sends a short text over an open websocket; what comes back."""
    mask = b"\x01\x02\x03\x04"
    wire.sendall(struct.pack("!BB", 0x81, 0x80 | len(text)) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
    return wire.recv(1024)[2:]
