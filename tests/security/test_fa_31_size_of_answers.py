"""FA-31: whoever asks another server reads its answer only up to a limit, and then knows nothing."""

import asyncio

import pytest

from ostiary.kit.errors import Unavailable
from ostiary.kit.http import Outgoing

_MEGABYTE = 1_000_000


@pytest.mark.parametrize("head", [b"Content-Length: 100000000\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_fa_31_a_hundred_megabytes_are_not_read(head: bytes) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        chunk = b"x" * _MEGABYTE
        if b"chunked" in head:
            chunk = b"%x\r\n%b\r\n" % (len(chunk), chunk)
        try:
            while sent < 100 * _MEGABYTE:
                writer.write(chunk)
                await writer.drain()
                sent += _MEGABYTE
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Unavailable, match="too_large"):
        await Outgoing(private_networks=True).get(f"http://127.0.0.1:{port}/", limit=65_536)
    server.close()
    await asyncio.sleep(0)
    # What the system's buffers had room for is on its way; the rest was never asked for.
    assert sent < 20 * _MEGABYTE
