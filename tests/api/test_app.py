"""What stands before every operation: who asks is known before a body is read, and asked again when it is whole."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import authentik_client as ak

from ostiary.events.record import COMMAND
from tests.api.house import ApiHouse


@contextmanager
def begun(api: ApiHouse, path: str, *headers: str) -> Iterator[socket.socket]:
    """A request whose head was sent."""
    host, port = api.origin.removeprefix("http://").split(":")
    lines = [f"POST /api/v3{path} HTTP/1.1", f"Host: {host}:{port}", "Content-Type: application/json", *headers]
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        yield connection


def answered(connection: socket.socket) -> tuple[int, str]:
    """The status and the code."""
    whole = b""
    while part := connection.recv(65_536):
        whole += part
    head, _, body = whole.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)["code"]


def test_what_somebody_may_is_asked_when_their_request_is_whole(api: ApiHouse) -> None:
    name, other = api.unique("late"), api.unique("helper")
    key = api.token("authentik_core.add_group", username=other)
    body = json.dumps({"name": name}).encode()
    with begun(api, "/core/groups/", f"Authorization: Bearer {key}", f"Content-Length: {len(body)}") as connection:
        connection.sendall(body[:5])
        # Whoever is answered after these bytes is known to the server by now.
        with api.http(key) as http:
            assert http.get("/core/users/me/").status_code == 200
        api.run(api.parts.tokens.delete(f"token-{other}", by=COMMAND))
        connection.sendall(body[5:])
        assert answered(connection) == (403, "api.token_invalid")
    assert ak.CoreApi(api.client()).core_groups_list(name=name).results == []


def test_a_stranger_sends_no_more_than_a_form(api: ApiHouse) -> None:
    with begun(api, "/core/groups/", "Content-Length: 1000000") as connection:
        connection.sendall(b"[" * 66_000)
        assert answered(connection) == (413, "request.too_large")


def test_whoever_is_known_may_send_a_large_body(api: ApiHouse) -> None:
    with api.http() as http:
        answer = http.post("/core/groups/", json={"name": api.unique("large"), "attributes": {"text": "a" * 100_000}})
    assert answer.status_code != 413
