"""FA-32: whatever mixture of headers reaches the check, it opens only the application that every reader would name.

Heads are made at random out of all that proxies and visitors send: missing, doubled, in other spellings, contradicting
each other. What is allowed is held against the plainest reading of the one header that its dialect goes by.
"""

import random

import pytest

from ostiary.web.gate import Gate, Limits
from tests.clock import FakeClock
from tests.forwardauth.house import Answer, House

NAMES = (
    *(
        "X-Original-URL",
        "X-Original-Method",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Uri",
        "Host",
        "Path",
    ),
    *(
        "X-Forwarded-Method",
        "Method",
        "Cookie",
        "X-Sent-From",
        "Forwarded",
        "Authorization",
        "Sec-Fetch-Mode",
        "Accept",
    ),
    *("Connection", "X-Forwarded-For"),
)
HOSTS = (
    *("hello.example.com", "other.example.com", "HELLO.example.com", "hello.example.com:443", "hello.example.com:8443"),
    *("hello.example.com.", "x.example.com", "hello.example.com,other.example.com", "hello.example.com/x", ""),
    "other.example.com@hello.example.com",
)
ADDRESSES = (
    "nginx",
    "nginx?host=hello.example.com",
    "traefik",
    "nginx-fwd",
    "caddy",
    "haproxy",
    "nic",
    "ngf",
    "envoy/x",
)
DECIDES = {"nginx": "X-Original-URL", "ngf": "Host", "envoy": "Host"}


def head(chance: random.Random, address: str, cookie: str) -> tuple[bytes, list[str]]:
    """A head, and its lines."""
    lines = []
    for name in NAMES:
        for _ in range(chance.choices((1, 0, 2), (75, 15, 10))[0]):
            spelled = chance.choice(
                [name] * 12 + [name.lower(), name.upper(), name.replace("-", "_"), name.replace("-", ".")]
            )
            value = {
                "Cookie": cookie,
                "Host": chance.choice(HOSTS),
                "X-Forwarded-Host": chance.choice(HOSTS),
                "X-Original-URL": f"https://{chance.choice(HOSTS)}{chance.choice(('/', '/x'))}",
                "X-Forwarded-Uri": chance.choice(("/", "/x", "x", "//")),
                "Path": chance.choice(("/", "/x", "x", "//")),
                "X-Forwarded-Proto": chance.choice(("https", "http", "ftp")),
            }.get(name) or chance.choice(
                ("GET", "POST", "navigate", "text/html", "/", "close, X-Forwarded-Host", *HOSTS)
            )
            lines.append(f"{spelled}: {value}")
    if chance.random() < 0.5:
        lines = [line for line in lines if line[:3].lower() not in ("x-o", "x_o", "x.o", "x-s", "x_s", "x.s")]
    chance.shuffle(lines)
    return "\r\n".join([f"GET /ostiary/auth/{address} HTTP/1.1", *lines, "", ""]).encode(), lines


@pytest.mark.parametrize("seed", [1, 2])
async def test_fa_32_no_mixture_of_headers_opens_another_application(
    sqlite_url: str, clock: FakeClock, seed: int
) -> None:
    house = House(sqlite_url, clock)
    hello = await house.application()
    await house.application("https://other.example.com")
    await house.application("https://sso.example.com", mode="forward_domain", cookie_domain="example.com")
    cookie = await hello.session(await house.login(await house.person()))
    chance, gate, allowed = random.Random(seed), Gate(Limits()), 0
    for _ in range(8_000):
        address = chance.choice(ADDRESSES)
        raw, lines = head(chance, address, cookie)
        if gate.refuses(raw) is not None:
            continue
        found = house.responder.answer(raw, b"GET", f"/ostiary/auth/{address}".encode(), "127.0.0.1")
        assert isinstance(found, bytes)
        if Answer.parse(found).status != 200:
            continue
        allowed += 1
        name = DECIDES.get(address.partition("/")[0].partition("?")[0], "X-Forwarded-Host").lower()
        pairs = [line.partition(": ") for line in lines]
        [told] = [value for key, _, value in pairs if key.lower().replace("_", "-").replace(".", "-") == name]
        host = told.removeprefix("https://").partition("/")[0].lower().removesuffix(":443").removesuffix(".")
        assert host == "hello.example.com", lines
        assert any(key.lower() == "cookie" for key, _, _ in pairs)
    assert allowed > 20
    await house.close()
