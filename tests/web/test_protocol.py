"""The protocol on real sockets: who answers, in which order, and when a connection ends well."""

import asyncio

import pytest

from ostiary.web.gate import Limits
from tests.web.site import BAD, CHECK, HOST, PAGE, YES, Site, connections, settled


async def test_a_check_is_answered_and_the_connection_stays(site: Site) -> None:
    line = await site.connect()
    for _ in range(3):
        line.send(CHECK)
        assert await line.answer() == (200, YES, b"")
    assert site.checks.seen[0] == (CHECK, b"GET", b"/check", "127.0.0.1")
    assert (site.door.answered, site.door.passed_on) == (3, 0)
    line.close()


async def test_pages_go_to_the_application_and_the_connection_comes_back(site: Site) -> None:
    line = await site.connect()
    for _ in range(2):
        line.send(PAGE)
        assert (await line.answer())[2] == b"GET /page "
        line.send(CHECK)
        assert (await line.answer())[1] == YES
        line.send(b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello")
        assert (await line.answer())[2] == b"POST /page hello"
    assert len(site.state.connections) == 1
    line.close()
    await settled(lambda: not site.state.connections)


async def test_a_check_with_a_body_is_not_answered_from_memory(site: Site) -> None:
    line = await site.connect()
    body = b"GET /check HTTP/1.1\r\nX-Original-URL: https://open.example/\r\n\r\n"
    line.send(b"GET /check HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert (await line.answer())[2] == b"GET /check " + body
    assert site.checks.seen == []
    line.close()


async def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    line = await site.connect()
    post = b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc"
    line.send(CHECK + PAGE + post + CHECK + PAGE)
    got = [(await line.answer())[2] for _ in range(5)]
    assert got == [b"", b"GET /page ", b"POST /page abc", b"", b"GET /page "]
    line.close()


async def test_a_thousand_pipelined_checks(site: Site) -> None:
    line = await site.connect()
    line.send(CHECK * 1000)
    for _ in range(1000):
        assert (await line.answer())[1] == YES
    line.close()


async def test_whoever_does_not_read_is_not_answered_without_end(site: Site) -> None:
    line = await site.connect()
    sent = 0
    (connection,) = await connections(site)
    while not connection._stuck:
        if not line.writer.transport.get_write_buffer_size():
            line.send(CHECK * 100)
            sent += 100
        await asyncio.sleep(0)
    assert site.door.answered < sent
    site.pass_seconds(Limits().body_seconds)
    await settled(lambda: not site.state.connections)
    line.close()


async def test_a_cold_check_is_awaited_and_others_wait_behind_it(site: Site) -> None:
    line = await site.connect()
    line.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n" + CHECK)
    await settled(lambda: len(site.checks.seen) == 1)
    line.send(CHECK)
    await asyncio.sleep(0.01)
    assert len(site.checks.seen) == 1
    site.checks.release.set()
    for _ in range(3):
        assert (await line.answer())[1] == YES
    line.close()


async def test_a_check_that_raises_is_no_permission(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    line = await site.connect()
    line.send(b"GET /broken HTTP/1.1\r\n" + HOST + b"\r\n")
    status, head, _ = await line.answer()
    assert status == 503
    assert b"Content-Length: 0" in head
    assert site.door.failed == 1
    assert "a check failed" in caplog.text
    line.close()


async def test_a_cold_check_that_raises_is_no_permission(site: Site) -> None:
    async def fail() -> bytes:
        raise RuntimeError("broken")

    site.checks.answer = lambda *_: fail()  # type: ignore[method-assign]
    line = await site.connect()
    line.send(CHECK)
    assert (await line.answer())[0] == 503
    line.close()


@pytest.mark.parametrize("path", [b"/check", b"/page"])
async def test_http_1_0_is_answered_and_closed(site: Site, path: bytes) -> None:
    got = await site.ask(b"GET " + path + b" HTTP/1.0\r\n" + HOST + b"\r\n")
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_connection_close_is_honoured_and_said(site: Site) -> None:
    got = await site.ask(b"GET /check HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n" + CHECK)
    assert got == YES.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
    assert site.door.answered == 1


async def test_health_is_answered_by_path_alone(site: Site) -> None:
    for host in (b"", b"Host: 10.0.0.7:9000\r\n", b"Host: a\r\nHost: b\r\n", b"Host: auth.example\r\n"):
        got = await site.ask(b"GET /-/health/live/ HTTP/1.0\r\n" + host + b"User-Agent: kube-probe/1.31\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (await site.ask(b"GET /-/health/ready/ HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    site.is_ready = False
    assert (await site.ask(b"GET /-/health/ready/ HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 503 ")
    assert (await site.ask(b"GET /-/health/live/ HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert site.checks.seen == []


async def test_a_body_may_come_in_pieces_and_after_100_continue(site: Site) -> None:
    line = await site.connect()
    line.send(b"POST /page HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    for byte in b"hello":
        line.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await line.answer())[2] == b"POST /page hello"
    line.send(CHECK)
    assert (await line.answer())[1] == YES
    line.close()


async def test_what_an_early_answer_left_unread_is_no_request(site: Site) -> None:
    line = await site.connect()
    line.send(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(CHECK))
    assert (await line.answer())[2] == b"POST /early "
    line.send(CHECK + PAGE)
    assert (await line.answer())[2] == b"GET /page "
    assert [seen[2] for seen in site.checks.seen] == [b"/page"]
    line.close()


async def test_a_chunked_body_is_read_and_ends_its_connection(site: Site) -> None:
    got = await site.ask(
        b"POST /page HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + CHECK
    )
    assert got.endswith(b"POST /page hello")
    assert b"connection: close\r\n" in got
    assert site.checks.seen == []


async def test_a_broken_chunk_is_refused(site: Site) -> None:
    got = await site.ask(b"POST /page HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello")
    assert got.startswith(BAD)


async def test_h2c_is_not_spoken_and_what_follows_is_not_read(site: Site) -> None:
    for path in (b"/check", b"/page"):
        got = await site.ask(
            b"GET "
            + path
            + b" HTTP/1.1\r\n"
            + HOST
            + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
            + CHECK
        )
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.count(b"HTTP/1.1 ") == 1


async def test_a_websocket_question_is_a_check_like_any_other(site: Site) -> None:
    got = await site.ask(b"GET /check HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert got == YES.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")


async def test_a_large_answer_to_a_slow_reader_arrives_whole(site: Site) -> None:
    line = await site.connect()
    line.send(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n" + CHECK)
    await asyncio.sleep(0.05)
    assert len((await line.answer())[2]) == 1_000_000
    assert (await line.answer())[1] == YES
    line.close()


async def test_a_client_that_leaves_during_a_page_leaves_nothing_behind(site: Site) -> None:
    line = await site.connect()
    line.send(b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhe")
    await settled(lambda: site.door.passed_on == 1)
    line.close()
    await settled(lambda: not site.state.connections and not site.state.tasks)


async def test_shutdown_answers_once_more_and_says_so(site: Site) -> None:
    line = await site.connect()
    line.send(CHECK)
    await line.answer()
    for connection in await connections(site):
        connection.shutdown()
    line.send(CHECK)
    assert await line.rest() == YES.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")


async def test_shutdown_ends_idle_connections_and_finishes_pages_and_cold_checks(site: Site) -> None:
    idle, cold, page = [await site.connect() for _ in range(3)]
    cold.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
    page.send(b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhe")
    await settled(lambda: len(site.state.connections) == 3 and site.door.passed_on == 1 and bool(site.checks.seen))
    for connection in await connections(site):
        connection.shutdown()
    site.pass_seconds(Limits().farewell_seconds)
    assert await idle.rest() == b""
    page.send(b"llo")
    assert (await page.rest()).endswith(b"POST /page hello")
    site.checks.release.set()
    assert (await cold.rest()).startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
