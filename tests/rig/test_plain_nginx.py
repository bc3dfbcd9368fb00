"""The example for plain nginx keeps what it promises, on both nginx and without any module."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.client import ask
from tests.rig.nginx import BOTH, Nginx, start
from tests.rig.processes import Processes, free_port
from tests.rig.stub_servers import Answer, StubServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "nginx" / "hello.conf"
HOST = "hello.example.com"


class Door:
    """nginx with the example's configuration, between two servers that answer as told."""

    def __init__(self, auth: StubServer, app: StubServer, port: int) -> None:
        self.auth = auth
        self.app = app
        self.address = ("127.0.0.1", port)


@pytest.fixture(scope="module", params=BOTH, ids=lambda nginx: nginx.name)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    nginx: Nginx = request.param
    folder = tmp_path_factory.mktemp("plain")
    port = free_port()
    with (
        StubServer(lambda _: Answer(500)) as auth,
        StubServer(lambda _: Answer(500)) as app,
        Processes(folder) as processes,
    ):
        text = EXAMPLE.read_text()
        for was, becomes in (("127.0.0.1:9000", auth.address), ("127.0.0.1:8000", app.address)):
            text = text.replace(was, becomes)
        text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
        start(nginx, f"http {{\n{text}}}\n", folder / "nginx", processes)
        processes.wait_for_port("nginx", ("127.0.0.1", port))
        yield Door(auth, app, port)


@pytest.fixture
def door(running: Door) -> Door:
    running.auth.seen.clear()
    running.app.seen.clear()
    running.app.answer = lambda _: Answer(200, [], b"the application")
    return running


def test_refused_visitor_is_sent_to_sign_in_with_the_attempt_and_its_cookie(door: Door) -> None:
    cookie = "ostiary_try_0a1b2c3d=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"
    door.auth.answer = lambda _: Answer(401, [("X-Ostiary-Attempt", "state"), ("Set-Cookie", cookie)])
    reply = ask(door.address, "/a?b=c&d", HOST, ("Accept", "text/html"))
    assert reply.status == 302
    assert reply.get("Location") == f"http://auth.example.com/ostiary/start?attempt=state&rd=http://{HOST}/a?b=c&d"
    assert reply.all("Set-Cookie") == [cookie]
    assert not door.app.seen


def test_question_tells_the_exact_address_and_nothing_that_the_visitor_made_up(door: Door) -> None:
    door.auth.answer = lambda _: Answer(200)
    forged = [(f"X-Forwarded-{name}", "evil") for name in ("Host", "Uri", "Method", "Proto", "For")]
    ask(door.address, "/a%20b?x=%2F&y", HOST, *forged, ("X-Original-URL", "http://evil/"), method="POST", body=b"body")
    (seen,) = door.auth.seen
    assert (seen.method, seen.target) == ("GET", "/ostiary/auth/nginx")
    assert seen.get("X-Original-URL") == f"http://{HOST}/a%20b?x=%2F&y"
    assert seen.get("X-Original-Method") == "POST"
    assert seen.get("X-Forwarded-For") == "127.0.0.1"
    assert not [value for _, value in seen.headers if "evil" in value]


def test_question_tells_which_host_chose_the_server_beside_the_one_that_the_visitor_named(door: Door) -> None:
    door.auth.answer = lambda _: Answer(403)
    with socket.create_connection(door.address, timeout=5) as wire:
        wire.sendall(f"GET http://{HOST}/x HTTP/1.1\r\nHost: other.example.com\r\nConnection: close\r\n\r\n".encode())
        assert b" 403 " in wire.recv(1024)
    (seen,) = door.auth.seen
    assert seen.get("X-Original-URL") == "http://other.example.com/x"
    assert seen.get("X-Forwarded-Host") == HOST


def test_application_gets_our_identity_headers_and_no_forged_ones(door: Door) -> None:
    names = [f"X-authentik-{name}" for name in ("username", "groups", "email", "name", "uid")]
    door.auth.answer = lambda _: Answer(200, [(names[0], "anna"), (names[1], "")])
    assert ask(door.address, "/", HOST, *((name, "forged") for name in names)).body == b"the application"
    (seen,) = door.app.seen
    assert [seen.get(name) for name in names] == ["anna", None, None, None, None]
    assert seen.get("Host") == HOST


@pytest.mark.parametrize(("status", "visitor_gets"), [(403, 403), (500, 500), (503, 500), (302, 500)])
def test_every_other_answer_keeps_the_door_closed(door: Door, status: int, visitor_gets: int) -> None:
    door.auth.answer = lambda _: Answer(status)
    assert ask(door.address, "/", HOST).status == visitor_gets
    assert not door.app.seen


def test_checks_share_one_connection(door: Door) -> None:
    door.auth.answer = lambda _: Answer(200)
    before = door.auth.connections
    for _ in range(5):
        ask(door.address, "/", HOST)
    assert door.auth.connections - before <= 1
