"""Against real sockets on loopback; what names lead to is told by the test."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from ostiary.kit.errors import InvalidInput, OstiaryError
from ostiary.kit.http import Outgoing, is_private, is_public
from tests.rig.certificates import issue
from tests.rig.stub_servers import Answer, Seen, StubServer


class Names:
    """A resolver that answers each question with the next of what it was told."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0)


def outgoing(*answers: Sequence[str], private: bool = True) -> Outgoing:
    return Outgoing(private_networks=private, resolve=Names(*answers))


@asynccontextmanager
async def serving(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """A server of raw connections; its port. Whatever it accepted is closed at the end."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    yield server.sockets[0].getsockname()[1]
    server.close()
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    # A handshake that failed is closed by the loop, in its own time.
    await asyncio.sleep(0.1)


async def code(asked: Outgoing, url: str, **options: float) -> str:
    with pytest.raises(OstiaryError) as refused:
        await asked.get(url, limit=1000, **options)
    return refused.value.code


async def test_a_small_answer_is_read() -> None:
    with StubServer(lambda seen: Answer(200, body=b"{}")) as server:
        port = int(server.address.rpartition(":")[2])
        assert await outgoing(["127.0.0.1"]).get(f"http://keys.example:{port}/a?b=c", limit=2) == b"{}"
    (seen,) = server.seen
    assert (seen.method, seen.target, seen.get("host")) == ("GET", "/a?b=c", f"keys.example:{port}")
    assert seen.get("accept-encoding") == "identity"


async def test_a_second_address_is_tried_when_the_first_does_not_answer() -> None:
    with StubServer(lambda seen: Answer(200, body=b"{}")) as server:
        port = int(server.address.rpartition(":")[2])
        assert await outgoing(["::1", "127.0.0.1"]).get(f"http://keys.example:{port}/", limit=2) == b"{}"


async def test_a_redirect_an_error_and_a_compressed_answer_are_not_followed() -> None:
    answers = [
        Answer(302, [("Location", "http://127.0.0.1/")]),
        Answer(404),
        Answer(500),
        Answer(200, [("Content-Encoding", "gzip")], b"x"),
    ]
    for answer in answers:

        def same(seen: Seen, answer: Answer = answer) -> Answer:
            return answer

        with StubServer(same) as server:
            assert await code(outgoing(["127.0.0.1"]), f"http://{server.address}/") == "outgoing.refused"
            assert len(server.seen) == 1


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port:
        found = await code(outgoing(["127.0.0.1"]), f"http://keys.example:{port}/", seconds=0.5)
    assert found == "outgoing.unreachable"


async def test_private_networks_are_reached_only_if_they_are_allowed() -> None:
    with StubServer(lambda seen: Answer(200, body=b"{}")) as server:
        for url in (f"http://{server.address}/", f"https://{server.address}/"):
            assert await code(outgoing(["127.0.0.1"], private=False), url) == "outgoing.private_network"
        for address in ("169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:169.254.169.254"):
            assert await code(outgoing([address]), "https://metadata.example/") == "outgoing.private_network"
    assert server.connections == 0


async def test_without_tls_only_the_own_network_is_asked() -> None:
    assert await code(outgoing(["93.184.215.14"]), "http://keys.example/") == "outgoing.private_network"


async def test_a_name_is_resolved_once_and_that_address_connected_to() -> None:
    """DNS rebinding: the second answer would have been this machine."""
    names = Names(["192.0.2.1"], ["127.0.0.1"])
    with StubServer(lambda seen: Answer(200, body=b"{}")) as server:
        port = server.address.rpartition(":")[2]
        with pytest.raises(OstiaryError):
            await Outgoing(private_networks=False, resolve=names).get(f"https://keys.example:{port}/", limit=9)
    assert names.asked == [("keys.example", int(port))]
    assert server.connections == 0


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("93.184.215.14", True, False),
        ("2606:2800:220:1:248:1893:25c8:1946", True, False),
        ("10.0.0.1", False, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("64:ff9b::a00:1", False, True),
        ("64:ff9b::5db8:d70e", True, False),
        ("2002:a00:1::1", False, True),
        ("169.254.1.1", False, False),
        ("fe80::1%eth0", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("0.0.0.0", False, False),
        ("255.255.255.255", False, False),
        ("nonsense", False, False),
    ],
)
def test_addresses_are_told_apart(address: str, public: bool, private: bool) -> None:
    assert (is_public(address), is_private(address)) == (public, private)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://keys.example/",
        "file:///etc/passwd",
        "https://user:word@keys.example/",
        "https:///x",
        "https://[",
        "https://keys.example/#x",
        "https://keys.example:x/",
    ],
)
async def test_only_web_addresses_are_asked(url: str) -> None:
    with pytest.raises(InvalidInput, match="url:"):
        await outgoing().get(url, limit=1)


async def test_a_certificate_is_held_against_the_name_and_an_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = issue(tmp_path, "keys.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()

    async with serving(answer, context) as port:
        assert await code(outgoing(["127.0.0.1"]), f"https://keys.example:{port}/") == "outgoing.unreachable"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        assert await outgoing(["127.0.0.1"]).get(f"https://keys.example:{port}/", limit=9) == b"{}"
        assert await code(outgoing(["127.0.0.1"]), f"https://other.test:{port}/") == "outgoing.unreachable"


def test_the_library_is_loaded_only_when_something_is_asked() -> None:
    ask = "import ostiary.kit.http, sys; print('httpx2' in sys.modules, 'httpcore2' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["False", "False"]
