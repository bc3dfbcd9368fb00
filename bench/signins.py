"""Sign-ins in a second, beside what Argon2 alone can do with as many threads."""

import html
import os
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from argon2 import PasswordHasher

from bench.installation import PASSWORD, Installation
from bench.report import Line, Report

FLOW = "/if/flow/default-authentication-flow/"
CLIENTS = 4
# As many as verify passwords at once: one core is left for everything else.
THREADS = max(1, (os.cpu_count() or 2) - 1)


def sign_ins(report: Report, directory: Path, *, rounds: int, seconds: float) -> None:
    installation = Installation(directory / "sign-ins")
    installation.fill(applications=10, people=1000, signed_in=0)
    names = installation.give_password(200)
    ours, bare = [], []
    with installation.served() as server:
        sign_in(server.address, names[0])
        for _ in range(rounds):
            ours.append(_rate(seconds, CLIENTS, lambda name: sign_in(server.address, name), names))
            bare.append(_bare(seconds))
    report.add(Line("sign-ins", f"Argon2 alone, {THREADS} thread{'s' * (THREADS > 1)}", median(bare), "/s"))
    ratio = median(mine / theirs for mine, theirs in zip(ours, bare, strict=True))
    report.add(
        Line(
            "sign-ins",
            f"page and password, {CLIENTS} browsers",
            median(ours),
            "/s",
            "Argon2",
            ratio,
            0.8,
            at_least=True,
        )
    )


def _rate(seconds: float, clients: int, work: Callable[[str], None], names: list[str]) -> float:
    turn, lock, end, done = cycle(names), threading.Lock(), time.monotonic() + seconds, [0] * clients

    def one(client: int) -> None:
        while time.monotonic() < end:
            with lock:
                name = next(turn)
            work(name)
            done[client] += 1

    begin = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one, range(clients)))
    return sum(done) / (time.monotonic() - begin)


def _bare(seconds: float) -> float:
    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    stored = hasher.hash(PASSWORD)
    return _rate(seconds, THREADS, lambda _: _verify(hasher, stored), ["x"])


def _verify(hasher: PasswordHasher, stored: str) -> None:
    hasher.verify(stored, PASSWORD)


def sign_in(address: tuple[str, int], name: str) -> None:
    """As a browser does: the page, then the form with what the page said."""
    connection = HTTPConnection(*address, timeout=60)
    try:
        status, cookies, page = _ask(connection, "GET", FLOW, {}, "")
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
        action = re.findall(r'<form[^>]* action="([^"]*)"', page)[0]
        form = {key: html.unescape(value) for key, value in fields.items()} | {"uid_field": name, "password": PASSWORD}
        headers = {
            "Cookie": cookies,
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": "http://auth.localhost",
        }
        status, cookies, page = _ask(connection, "POST", html.unescape(action) or FLOW, headers, urlencode(form))
        if status not in (302, 303) or "ostiary=" not in cookies:
            raise RuntimeError(f"no sign-in: {status} {page[:2000]}")
    finally:
        connection.close()


def _ask(
    connection: HTTPConnection, method: str, path: str, headers: dict[str, str], body: str
) -> tuple[int, str, str]:
    connection.request(
        method, path, body or None, {"Host": "auth.localhost", "Sec-Fetch-Site": "same-origin", **headers}
    )
    answer = connection.getresponse()
    cookies = "; ".join(value.partition(";")[0] for key, value in answer.getheaders() if key.lower() == "set-cookie")
    return answer.status, cookies, answer.read().decode()
