"""The load generator holds every answer against what it should be: a fast error looks splendid."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.load import ask, is_whole
from bench.questions import check


@contextmanager
def server(answer: bytes, *, keep: bool) -> Iterator[tuple[tuple[str, int], list[bytes]]]:
    """Answers the same to whatever comes."""
    seen: list[bytes] = []

    def talk(line: socket.socket) -> None:
        with line, contextlib.suppress(ConnectionResetError):
            while data := line.recv(8192):
                seen.append(data)
                line.sendall(answer)
                if not keep:
                    return

    def accept() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(line,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname(), seen
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("keep", [True, False])
def test_every_request_is_sent_in_turn(keep: bool) -> None:
    requests = [check(f"https://app{n}.example/", f"a={n}", keep=keep) for n in range(4)]
    with server(OK, keep=keep) as (address, seen):
        ask(address, requests, 16, 200, keep=keep)
    assert sorted(seen) == sorted(requests * 4)


@pytest.mark.parametrize("keep", [True, False])
def test_another_status_ends_the_measurement(keep: bool) -> None:
    with (
        server(OK.replace(b"200", b"500"), keep=keep) as (address, _),
        pytest.raises(RuntimeError, match=r"expected 200, got .*HTTP/1\.1 500 OK"),
    ):
        ask(address, [check("https://app.example/", "", keep=keep)], 8, 200, keep=keep)


def test_an_answer_may_have_a_body() -> None:
    answer = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\nOK"
    assert is_whole(answer)
    assert not is_whole(answer[:-1])
    assert not is_whole(answer[:30])
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n"
    assert not is_whole(chunks)
    assert is_whole(chunks + b"0\r\n\r\n")
    assert is_whole(OK)
    assert is_whole(b"HTTP/1.1 204 No Content\r\n\r\n")
