"""What an authentication service can count on, proved on both nginx with a service that says what it is told."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.rig import manifest
from tests.rig.client import Reply, ask
from tests.rig.ingress_nginx import Surroundings, render
from tests.rig.names import ClusterNames
from tests.rig.nginx import BOTH, Nginx, start
from tests.rig.processes import Processes, free_port
from tests.rig.stub_servers import Answer, StubServer

HOST = "hello.example.com"
IN_PLACE = """
kind: Ingress
metadata:
  name: hello
  annotations:
    nginx.ingress.kubernetes.io/auth-url: http://ostiary.ostiary.svc.cluster.local:{port}/ostiary/auth/nginx?host=$host
    nginx.ingress.kubernetes.io/auth-signin: https://auth.example.com/ostiary/start?attempt=$authHeader0
    nginx.ingress.kubernetes.io/auth-response-headers: X-Ostiary-Attempt,X-authentik-username
spec:
  rules:
    - host: hello.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {{service: {{name: hello, port: {{number: 80}}}}}}
"""


@dataclass
class Door:
    """An nginx whose questions go to ``auth`` and whose allowed requests go to ``app``."""

    auth: StubServer
    app: StubServer
    address: tuple[str, int]

    def get(self, target: str | bytes, *headers: tuple[str, str], method: str = "GET") -> Reply:
        return ask(self.address, target, HOST, *headers, method=method)


@pytest.fixture(scope="module", params=BOTH, ids=lambda nginx: nginx.name)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    nginx: Nginx = request.param
    folder = tmp_path_factory.mktemp("nginx")
    with (
        StubServer(lambda _: Answer(500)) as auth,
        StubServer(lambda _: Answer(500)) as app,
        ClusterNames("127.0.0.1") as names,
        Processes(folder) as processes,
    ):
        ingresses = manifest.read(IN_PLACE.format(port=auth.address.rpartition(":")[2]))
        port = free_port()
        around = Surroundings(
            listen_http=f"127.0.0.1:{port}",
            listen_https=None,
            resolver=names.address,
            endpoints={path.backend: app.address for path in ingresses[0].hosts[HOST]},
            escape=nginx.escape,
            cache_path=str(folder / "cache"),
        )
        start(nginx, render(ingresses, around), folder / "nginx", processes)
        processes.wait_for_port("nginx", ("127.0.0.1", port))
        yield Door(auth, app, ("127.0.0.1", port))


@pytest.fixture
def door(running: Door) -> Door:
    running.auth.seen.clear()
    running.app.seen.clear()
    running.app.answer = lambda _: Answer(200, [("Content-Type", "text/plain")], b"the application")
    return running


def test_header_of_a_401_reaches_the_sign_in_address(door: Door) -> None:
    door.auth.answer = lambda _: Answer(401, [("X-Ostiary-Attempt", "abc-_.123")])
    reply = door.get("/a?b=c&d=/e")
    assert reply.status == 302
    assert reply.get("Location") == (
        f"https://auth.example.com/ostiary/start?attempt=abc-_.123&rd=http://{HOST}%2Fa%3Fb%3Dc%26d%3D%2Fe"
    )
    assert not door.app.seen


def test_cookie_of_a_401_reaches_the_browser_with_the_redirect(door: Door) -> None:
    cookie = "__Host-ostiary_try_0a1b2c3d=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"
    door.auth.answer = lambda _: Answer(401, [("X-Ostiary-Attempt", "state"), ("Set-Cookie", cookie)])
    reply = door.get("/")
    assert reply.status == 302
    assert reply.all("Set-Cookie") == [cookie]


def test_header_of_one_refusal_does_not_stay_for_the_next(door: Door) -> None:
    door.auth.answer = lambda _: Answer(401, [("X-Ostiary-Attempt", "first"), ("Set-Cookie", "a=1")])
    door.get("/")
    door.auth.answer = lambda _: Answer(401)
    reply = door.get("/")
    assert str(reply.get("Location")).startswith("https://auth.example.com/ostiary/start?attempt=&rd=")
    assert not reply.all("Set-Cookie")


def test_visitors_copy_of_the_attempt_is_never_used(door: Door) -> None:
    door.auth.answer = lambda _: Answer(401)
    reply = door.get("/", ("X-Ostiary-Attempt", "forged"))
    assert "forged" not in str(reply.get("Location"))


def test_a_state_of_3_kilobytes_passes(door: Door) -> None:
    state = "s" * 3000
    door.auth.answer = lambda _: Answer(401, [("X-Ostiary-Attempt", state), ("Set-Cookie", "a=1")])
    assert f"attempt={state}&rd=" in str(door.get("/").get("Location"))


def test_a_head_beyond_4_kilobytes_becomes_a_500(door: Door) -> None:
    door.auth.answer = lambda _: Answer(401, [("X-Ostiary-Attempt", "s" * 5000)])
    assert door.get("/").status == 500


def test_allowed_request_carries_the_service_headers_and_no_visitors_copies(door: Door) -> None:
    door.auth.answer = lambda _: Answer(200, [("X-authentik-username", "anna")])
    reply = door.get("/page", ("X-authentik-username", "forged"), ("X-Ostiary-Attempt", "forged"))
    assert (reply.status, reply.body) == (200, b"the application")
    assert door.app.seen[0].get("X-authentik-username") == "anna"
    # An absent header, like an empty one, removes the visitor's copy.
    assert door.app.seen[0].get("X-Ostiary-Attempt") is None


def test_the_question_says_what_the_template_says(door: Door) -> None:
    door.auth.answer = lambda _: Answer(200)
    door.get("/a%20b?x=%2F&y", ("X-Forwarded-Proto", "gopher"), ("X-Original-URL", "http://evil/"), method="POST")
    (seen,) = door.auth.seen
    assert (seen.method, seen.target) == ("GET", f"/ostiary/auth/nginx?host={HOST}")
    assert seen.get("Host") == "ostiary.ostiary.svc.cluster.local"
    assert seen.get("X-Original-URL") == f"http://{HOST}/a%20b?x=%2F&y"
    assert seen.get("X-Original-Method") == "POST"
    assert seen.get("X-Sent-From") == "nginx-ingress-controller"
    assert seen.get("X-Forwarded-For") == "127.0.0.1"
    assert seen.get("X-Forwarded-Proto") is None
    assert seen.get("X-Auth-Request-Redirect") == "/a%20b?x=%2F&y"


@pytest.mark.parametrize(
    ("status", "visitor_gets"), [(200, 200), (204, 200), (401, 302), (403, 403), (302, 500), (404, 500), (503, 500)]
)
def test_what_the_visitor_gets(door: Door, status: int, visitor_gets: int) -> None:
    door.auth.answer = lambda _: Answer(status, [("Location", "https://elsewhere.example/")] if status == 302 else [])
    assert door.get("/").status == visitor_gets
    assert bool(door.app.seen) == (visitor_gets == 200)


def test_a_403_hides_the_services_cookie(door: Door) -> None:
    door.auth.answer = lambda _: Answer(403, [("Set-Cookie", "a=1")])
    assert not door.get("/").all("Set-Cookie")


def test_question_tells_which_host_chose_the_server_beside_the_one_that_the_visitor_named(door: Door) -> None:
    door.auth.answer = lambda _: Answer(403)
    with socket.create_connection(door.address, timeout=5) as wire:
        wire.sendall(f"GET http://{HOST}/x HTTP/1.1\r\nHost: other.example.com\r\nConnection: close\r\n\r\n".encode())
        assert b" 403 " in wire.recv(1024)
    (seen,) = door.auth.seen
    assert seen.get("X-Original-URL") == "http://other.example.com/x"
    assert seen.target == f"/ostiary/auth/nginx?host={HOST}"
