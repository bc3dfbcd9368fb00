"""A paced load on raw sockets, for the time that an answer takes at a rate that the server can bear.

Requests are due at fixed moments whether or not earlier ones have been answered, and the clock of each runs from the
moment at which it was due: a server that stands still makes everybody wait who comes meanwhile, and the numbers say so.
This is wall-clock time and includes what the generator itself takes; the yardstick at the same rate shows how much.
"""

import gc
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle

from bench.load import connect, hold, is_whole

CONNECTIONS = 32
_LONGEST = 10.0


def waits(
    address: tuple[str, int], requests: Sequence[bytes], *, rate: float, count: int, status: int
) -> tuple[float, float]:
    """Median and 99th percentile of ``count`` answers, in seconds, after a tenth as many to warm up."""
    with _connected(address) as connections, _without_garbage():
        _run(connections, requests, rate, count // 10, str(status).encode())
        found = sorted(_run(connections, requests, rate, count, str(status).encode()))
    return percentile(found, 0.5), percentile(found, 0.99)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


def _run(
    connections: dict[int, socket.socket], requests: Sequence[bytes], rate: float, count: int, wanted: bytes
) -> list[float]:
    free, turn, clock = deque(connections.values()), cycle(requests), time.perf_counter
    due_at: dict[int, float] = {}
    parts: dict[int, bytes] = {}
    found: list[float] = []
    poll = select.epoll()
    for number in connections:
        poll.register(number, select.EPOLLIN)
    begin, sent = clock(), 0
    while len(found) < count:
        now = clock()
        while sent < count and free and (due := begin + sent / rate) <= now:
            connection = free.popleft()
            connection.send(next(turn))
            due_at[connection.fileno()] = due
            sent += 1
        # Spins: sleeping is too coarse for moments that lie less than a millisecond apart.
        for number, _ in poll.poll(0):
            answer = parts.pop(number, b"") + connections[number].recv(8192)
            if not is_whole(answer):
                if not answer:
                    raise RuntimeError("the server closed a connection")
                parts[number] = answer
                continue
            found.append(clock() - due_at.pop(number))
            hold(answer, wanted)
            free.append(connections[number])
        if now - begin > count / rate + _LONGEST:
            raise RuntimeError(f"{len(found)} of {count} answers came in time at {rate:.0f} a second")
    poll.close()
    return found


@contextmanager
def _connected(address: tuple[str, int]) -> Iterator[dict[int, socket.socket]]:
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(address)) for _ in range(CONNECTIONS)]
        yield {one.fileno(): one for one in opened}


@contextmanager
def _without_garbage() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
