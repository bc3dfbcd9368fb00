"""The two ways to compute ``$escaped_request_uri`` agree byte for byte."""

from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import pytest

from tests.rig.client import ask
from tests.rig.nginx import DEBIAN, WHEEL, Nginx, start
from tests.rig.processes import Processes, free_port

# Every byte that a request target may hold on the wire; nginx refuses control characters and the space.
BYTES = bytes(byte for byte in range(0x21, 0x100) if byte not in b"\x7f")
TARGETS = {
    "root": b"/",
    "query": b"/a?b=c&d=e+f&g=/h?i#",
    "percent": b"/a%20b%2Fc%25?x=%2B&y=%00",
    "double encoding": b"/%2520%252F",
    "utf-8": "/Grüße/日本?q=ž".encode(),
    "latin-1": b"/caf\xe9?\xff=\x80",
    "dots": b"/a/../b//c;d=1/./",
    "every byte": b"/" + BYTES,
    "2 kB": b"/" + b"deep%20link/" * 170 + b"?" + b"k=v&" * 20,
}


@pytest.fixture(scope="module")
def escapers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[str, int]]]:
    folder = tmp_path_factory.mktemp("escaping")
    ports: dict[str, tuple[str, int]] = {}
    with Processes(folder) as processes:
        for nginx in (DEBIAN, WHEEL):
            port = free_port()
            start(nginx, _http(nginx, port), folder / nginx.name, processes, nginx.name)
            processes.wait_for_port(nginx.name, ("127.0.0.1", port))
            ports[nginx.name] = ("127.0.0.1", port)
        yield ports


def _http(nginx: Nginx, port: int) -> str:
    njs = nginx.escape == "njs"
    return "\n".join(
        (
            "http {",
            *(("js_import escaping from escaping.js;", "js_set $escaped escaping.requestUri;") if njs else ()),
            "server {",
            f"listen 127.0.0.1:{port};",
            "location / {",
            "" if njs else "set_escape_uri $escaped $request_uri;",
            "return 200 $escaped;",
            "}",
            "}",
            "}",
            "",
        )
    )


@pytest.mark.parametrize("name", TARGETS)
def test_njs_equals_set_misc(escapers: dict[str, tuple[str, int]], name: str) -> None:
    replies = {nginx: ask(address, TARGETS[name], "localhost") for nginx, address in escapers.items()}
    assert [reply.status for reply in replies.values()] == [200, 200]
    assert replies["wheel"].body == replies["debian"].body
    assert unquote_to_bytes(replies["debian"].body) == TARGETS[name]
