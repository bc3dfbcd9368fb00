"""Each case on each proxy. The sentence below a test is its row in docs/proxies/README.md."""

import hashlib
import socket
import time

from tests.proxies.echo import say
from tests.proxies.installation import ANNA, BERT
from tests.proxies.report import Cell
from tests.proxies.stand import Standing, shown, to_sign_in
from tests.rig.agent import Agent
from tests.rig.client import Reply, exchange, reply

XHR = (("Accept", "application/json"), ("Sec-Fetch-Mode", "cors"), ("X-Requested-With", "XMLHttpRequest"))
DEEP = "/a%20b/c%2Fd/gr%C3%BC%C3%9Fe?x=1&y=%26%3D%23&z=&x=2&to=https://elsewhere.example/%3Fa%3Db"
REFUSED = (302, 401, 403)
CLOSED = (403, 500, 502, 503, 504)


def told(answer: Reply) -> str:
    """An answer in a word."""
    return "302 to sign in" if to_sign_in(answer) else str(answer.status)


def test_anonymous_page(door: Standing, cell: Cell) -> None:
    """Anonymous, a page"""
    answer = door.navigate("hello")
    assert to_sign_in(answer) or answer.status == 401
    assert not door.arrived("hello")
    cell(told(answer))


def test_anonymous_xhr(door: Standing, cell: Cell) -> None:
    """Anonymous, a script's request"""
    answer = door.ask("hello", "/", *XHR)
    assert answer.status == 401
    assert not door.arrived("hello")
    cell("401 JSON" if answer.get("Content-Type") == "application/json" else "401")


def test_signed_in(door: Standing, cell: Cell) -> None:
    """Signed in"""
    answer = door.ask("hello", "/a?b=c", door.cookie("hello"))
    assert (answer.status, shown(answer)["line"]) == (200, "GET /a?b=c")
    [arrived] = [one for one in door.arrived("hello") if one.target == "/a?b=c"]
    names = {name for name, _ in arrived.headers if name.startswith("x-authentik-")}
    identified = arrived.get("X-authentik-username") == ANNA[0]
    assert identified or not names
    cell("200, identity" if identified else "200, no identity")


def test_other_applications_cookie(door: Standing, cell: Cell) -> None:
    """Another application's cookie, under its name and under this one's"""
    mine, other = door.cookie("hello")[1], door.cookie("wiki")[1]
    forged = f"{mine.partition('=')[0]}={other.partition('=')[2]}"
    door.forget()
    answers = [door.navigate("hello", "/", ("Cookie", value)) for value in (other, forged)]
    assert all(to_sign_in(answer) or answer.status == 401 for answer in answers)
    assert not door.arrived("hello")
    cell(told(answers[0]))


def test_forbidden(door: Standing, cell: Cell) -> None:
    """Signed in, and no longer allowed: a page and a script's request"""
    cookie = door.cookie("vault", BERT)
    binding = (
        "UPDATE policy_bindings SET enabled = {} WHERE application_id = (SELECT id FROM applications WHERE slug = ?)"
    )
    door.forget()
    door.installation.sql(binding.format("false"), f"vault-{door.stand.name}")
    try:
        page, script = door.navigate("vault", "/", cookie), door.ask("vault", "/", *XHR, cookie)
    finally:
        door.installation.sql(binding.format("true"), f"vault-{door.stand.name}")
    assert page.status in REFUSED
    assert script.status == 403
    assert not door.arrived("vault")
    cell(f"{'302 to an explanation' if to_sign_in(page) else page.status} / {script.status}")


def entered(door: Standing) -> tuple[Agent, tuple[str, str], str]:
    """A fresh session of Anna at hello: the profile, its Cookie header, and the session's id."""
    agent = door.walk_in("hello")
    pairs = agent.cookies[door.host("hello")]
    newest = "SELECT id FROM app_sessions WHERE host = ? ORDER BY created DESC LIMIT 1"
    [session] = door.installation.rows(newest, door.host("hello"))
    return agent, ("Cookie", "; ".join(f"{key}={value}" for key, value in pairs.items())), session[0]


def test_expired(door: Standing, cell: Cell) -> None:
    """An expired session"""
    _, cookie, session = entered(door)
    assert door.ask("hello", "/", cookie).status == 200
    door.installation.sql("UPDATE app_sessions SET expires = created WHERE id = ?", session)
    door.forget()
    answer = door.navigate("hello", "/", cookie)
    assert to_sign_in(answer) or answer.status == 401
    assert not door.arrived("hello")
    cell(told(answer))


def test_revoked(door: Standing, cell: Cell) -> None:
    """A login that ended one second ago"""
    _, cookie, session = entered(door)
    assert door.ask("hello", "/", cookie).status == 200
    ended = "DELETE FROM sessions WHERE id = (SELECT session_id FROM app_sessions WHERE id = ?)"
    door.installation.sql(ended, session)
    time.sleep(1)
    door.forget()
    answer = door.navigate("hello", "/", cookie)
    assert to_sign_in(answer) or answer.status == 401
    assert not door.arrived("hello")
    cell(told(answer))


def test_ostiary_down(door: Standing, cell: Cell) -> None:
    """Ostiary is down"""
    cookie = door.cookie("hello")
    door.forget()
    door.line.cut()
    try:
        answers = [door.navigate("hello", "/", cookie), door.navigate("hello")]
    finally:
        door.line.mend()
    assert all(answer.status in CLOSED for answer in answers)
    assert not door.arrived("hello")
    assert door.ask("hello", "/", cookie).status == 200
    cell(str(answers[0].status))


def test_ostiary_slow(door: Standing, cell: Cell) -> None:
    """Ostiary does not answer"""
    cookie = door.cookie("hello")
    door.forget()
    request = f"GET / HTTP/1.1\r\nHost: {door.host('hello')}\r\nCookie: {cookie[1]}\r\nConnection: close\r\n\r\n"
    door.line.hold()
    try:
        with socket.create_connection(door.address, timeout=60) as wire:
            wire.sendall(request.encode())
            wire.settimeout(door.stand.limit * 10 if door.stand.limit else 1)
            try:
                raw = wire.recv(65_536)
            except TimeoutError:
                assert door.stand.limit is None
                door.line.cut()
                wire.settimeout(60)
                raw = wire.recv(65_536)
        assert not door.arrived("hello")
    finally:
        door.line.cut()
        door.line.mend()
    answer = reply(raw)
    assert answer.status in CLOSED
    assert not door.arrived("hello")
    assert door.ask("hello", "/", cookie).status == 200
    cell(
        f"{answer.status} after {door.stand.limit} s" if door.stand.limit else f"waits; {answer.status} when it breaks"
    )


def test_post(door: Standing, cell: Cell) -> None:
    """POST with a body: signed in, and anonymous"""
    cookie = door.cookie("hello")
    door.forget()
    form = ("Content-Type", "application/x-www-form-urlencoded")
    answer = door.ask("hello", "/save", cookie, form, method="POST", body=b"text=hours+of+work")
    assert answer.status == 200
    assert shown(answer)["digest"] == hashlib.sha256(b"text=hours+of+work").hexdigest()
    refused = door.ask("hello", "/save", form, method="POST", body=b"text=hours+of+work")
    assert refused.status in REFUSED
    assert len(door.arrived("hello")) == 1
    cell(f"{answer.status} / {told(refused)}")


def test_websocket(door: Standing, cell: Cell) -> None:
    """A websocket: signed in, and anonymous"""
    cookie = door.cookie("wiki")
    handshake = (
        f"GET /socket HTTP/1.1\r\nHost: {door.host('wiki')}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Origin: http://{door.host('wiki')}\r\nSec-Fetch-Mode: websocket\r\n"
    )
    door.forget()
    with socket.create_connection(door.address, timeout=30) as wire:
        wire.sendall(f"{handshake}Cookie: {cookie[1]}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += wire.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        assert say(wire, b"still here?") == b"still here?"
    [arrived] = door.arrived("wiki")
    assert arrived.get("X-authentik-username") in (ANNA[0], None)
    with socket.create_connection(door.address, timeout=30) as wire:
        wire.sendall(f"{handshake}\r\n".encode())
        refused = reply(wire.recv(65_536))
    assert refused.status == 401
    assert len(door.arrived("wiki")) == 1
    cell(f"101 / {refused.status}")


def test_upload(door: Standing, cell: Cell) -> None:
    """An upload of 10 MB"""
    body = bytes(range(256)) * 40_960
    answer = door.ask("wiki", "/upload", door.cookie("wiki"), method="PUT", body=body)
    assert answer.status == 200
    assert shown(answer)["digest"] == hashlib.sha256(body).hexdigest()
    cell("200")


def test_deep_link(door: Standing, cell: Cell) -> None:
    """A deep link, byte for byte after the sign-in"""
    where = door.navigate("hello", DEEP)
    if not to_sign_in(where) and where.status != 302:
        answer = door.ask("hello", DEEP, door.cookie("hello"))
        assert (answer.status, shown(answer)["line"]) == (200, f"GET {DEEP}")
        cell("no sign-in of its own")
        return
    door.forget()
    door.walk_in("hello", ANNA, DEEP)
    assert [one.target for one in door.arrived("hello")] == [DEEP]
    cell("the same")


def test_head(door: Standing, cell: Cell) -> None:
    """HEAD: signed in, and anonymous"""
    cell(method_told(door, "HEAD"))


def test_options(door: Standing, cell: Cell) -> None:
    """OPTIONS: signed in, and anonymous"""
    cell(method_told(door, "OPTIONS"))


def method_told(door: Standing, method: str) -> str:
    cookie = door.cookie("hello")
    door.forget()
    answer = door.ask("hello", "/m", cookie, method=method)
    assert answer.status == 200
    refused = door.ask("hello", "/m", *XHR, method=method)
    assert refused.status == 401
    assert [one.method for one in door.arrived("hello")] == [method]
    return f"{answer.status} / {told(refused)}"


def test_range(door: Standing, cell: Cell) -> None:
    """Range and If-None-Match reach the application"""
    cookie = door.cookie("hello")
    door.forget()
    answer = door.ask("hello", "/film", cookie, ("Range", "bytes=0-1"), ("If-None-Match", '"x"'))
    [arrived] = door.arrived("hello")
    assert (answer.status, arrived.get("Range"), arrived.get("If-None-Match")) == (200, "bytes=0-1", '"x"')
    assert door.ask("hello", "/film", *XHR, ("Range", "bytes=0-1"), ("If-None-Match", "*")).status == 401
    cell("200")


def test_expect(door: Standing, cell: Cell) -> None:
    """Expect: 100-continue"""
    cookie = door.cookie("hello")
    door.forget()
    head = f"POST /x HTTP/1.1\r\nHost: {door.host('hello')}\r\nConnection: close\r\nExpect: 100-continue\r\n"
    head += "Content-Length: 4\r\n"
    answer = exchange(door.address, f"{head}Cookie: {cookie[1]}\r\n\r\nbody".encode())
    assert (answer.status, shown(answer)["size"]) == (200, 4)
    refused = exchange(door.address, f"{head}\r\nbody".encode())
    assert refused.status in REFUSED
    assert len(door.arrived("hello")) == 1
    cell(f"{answer.status} / {told(refused)}")
