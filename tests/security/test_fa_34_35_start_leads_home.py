"""FA-33, FA-34, FA-35: ``start``, ``callback`` and ``sign_out`` lead to our host or to an application, or nowhere."""

import random
import re
from collections.abc import AsyncIterator
from urllib.parse import quote, urlsplit

import pytest

from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.forwardauth.street import street as built_street
from tests.forwardauth.worker import Worker, question, worker
from tests.rig.client import Reply

OURS = {"auth.example.com", "hello.example.com", "apps.example.com", "wiki.example.org", "sso.example.org"}
HOSTS = ("hello.example.com", "auth.example.com", "apps.example.com", "x.example.org", "sso.example.org", "nobody.test")
PARTS = (
    "https:",
    "http:",
    "javascript:",
    "//",
    "/",
    "\\",
    "@",
    "evil.test",
    "hello.example.com",
    "wiki.example.org",
    "?",
)
MORE = (
    "%2f",
    "%5c",
    "%0d%0aSet-Cookie:a=b",
    "%00",
    "#",
    "&rd=",
    "&",
    "a",
    ":443",
    ":8443",
    ".",
    "\t",
    "é",
    "%E2%80%AE",
)


@pytest.fixture
async def served(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Worker]:
    database = Database(open_engine(sqlite_url))
    async with built_street(database, sqlite_url, clock, declared="127.0.0.0/8") as street, worker(street) as running:
        await street.house.application()
        await street.house.application("https://apps.example.com/a")
        await street.house.application("https://apps.example.com/b", handoff="in_place")
        await street.house.application("https://wiki.example.org", access="bound")
        await street.house.application("https://sso.example.org", mode="forward_domain", cookie_domain="example.org")
        yield running
    await database.close()


def leads_home(reply: Reply, what: object) -> None:
    """Status, Location and cookies of an answer to somebody whom we do not know."""
    assert reply.status in (302, 303, 400, 401, 403, 404), what
    where = reply.get("location")
    assert (where is None) is (reply.status not in (302, 303)), what
    if where is not None:
        parts = urlsplit(where)
        assert where.isascii(), what
        assert not re.search(r"[\x00-\x20\x7f\\]", where.partition("?")[0]), what
        assert parts.scheme == "https", what
        assert parts.netloc in OURS or re.fullmatch(r"[a-z0-9-]+\.example\.org", parts.netloc), (what, where)
    for line in reply.all("set-cookie"):
        assert re.match(r"(__Host-)?ostiary_(try_|form|loops|device)[0-9a-f]*=", line), (what, line)
    for link in re.findall(rb'(?:href|action|src|content)="([^"]*)"', reply.body):
        assert b"evil.test" not in link.partition(b"?")[0], (what, link)
        assert not link.lower().startswith((b"javascript:", b"data:", b"//")), (what, link)
    assert b"<script" not in reply.body.lower(), what


async def test_fa_34_fa_35_no_word_of_a_visitor_leads_elsewhere(served: Worker) -> None:
    chance = random.Random(35)
    for number in range(400):
        rd = "".join(chance.choice((*PARTS, *MORE)) for _ in range(chance.randrange(1, 7)))
        text = quote(rd, safe="") if number % 2 else quote(rd, safe="/:@?&=%\\#.")
        text = text.replace("#", "%23").replace("\t", "%09")
        path = chance.choice(("start", "start", "start", "callback", "sign_out"))
        host = chance.choice(HOSTS)
        query = chance.choice((f"rd={text}", f"x=1&rd={text}", f"attempt=x&rd={text}", f"ticket=x&rd={text}", ""))
        told = rd.encode("ascii", "ignore").decode().replace("\t", "")
        headers = [("X-Forwarded-Proto", chance.choice(("https", "http", "javascript"))), ("Accept", "text/html")]
        if number % 3 == 0:
            headers.append(("X-Auth-Request-Redirect", told))
        if number % 5 == 0:
            headers.append(("X-Forwarded-Host", chance.choice(("evil.test", "hello.example.com", "auth.example.com"))))
        if number % 7 == 0:
            headers.append(("Referer", "https://evil.test/"))
        reply = await served.ask(f"/ostiary/{path}?{query}", host, *headers)
        leads_home(reply, (number, path, host, query, headers))


@pytest.mark.parametrize("prefix", ["/ostiary", "/outpost.goauthentik.io"])
@pytest.mark.parametrize(
    "told", ["//evil.test", "/\\evil.test", "https://evil.test/", "/\\/evil.test", "evil.test", "//"]
)
async def test_fa_35_a_proxys_word_about_the_way_back_is_no_more_than_rd(
    served: Worker, prefix: str, told: str
) -> None:
    for host in HOSTS:
        reply = await served.ask(f"{prefix}/start", host, ("X-Auth-Request-Redirect", told))
        leads_home(reply, host)
        if reply.status == 303:
            assert "evil.test" not in (reply.get("location") or "")
    good = await served.ask(f"{prefix}/start", "hello.example.com", ("X-Auth-Request-Redirect", "/x?y=1"))
    assert (good.get("location") or "").endswith("&rd=https://hello.example.com/x?y=1")


async def test_fa_33_an_attempt_of_one_application_leads_to_no_other(served: Worker) -> None:
    """Made by the check in every dialect that makes one, and carried to our host with other addresses beside it."""
    for dialect in ("traefik", "caddy", "envoy", "haproxy", "nginx-fwd"):
        for host, path in (("hello.example.com", "/x"), ("apps.example.com", "/b/x"), ("apps.example.com", "/a")):
            address, name, headers = question(dialect, host, path)
            first = await served.ask(address, name, *headers, ("Sec-Fetch-Mode", "navigate"))
            attempt = re.search(r"attempt=([^&]+)", first.get("location") or "")
            assert (first.status, attempt is not None) == (302, True)
            assert attempt is not None
            for rd in (
                "https://hello.example.com/y",
                "https://hello.example.com/x/",
                "https://apps.example.com/b/y",
                "https://apps.example.com/b/x/../../a",
                "https://wiki.example.org/",
                "https://evil.test/x",
                "//evil.test",
                "https://hello.example.com:8443/x",
                "https://hello.example.com@evil.test/x",
            ):
                reply = await served.ask(f"/ostiary/start?attempt={attempt[1]}&rd={rd}", "auth.example.com")
                assert (reply.status, reply.get("location")) == (400, None), (dialect, host, rd)
            good = f"/ostiary/start?attempt={attempt[1]}&rd=https://{host}{path}"
            reply = await served.ask(good, "auth.example.com")
            assert (reply.status, (reply.get("location") or "")[:9]) == (303, "/if/flow/")
