"""A whole street: our host with its sign-in pages, applications on their hosts, and browsers that walk between them.

The proxy in between is a few lines that do what ingress-nginx does with the answers of a check; the real ones are in
the journeys.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from ostiary.forwardauth.entrance import Entrance
from ostiary.forwardauth.explain import Explain
from ostiary.forwardauth.loops import Loops
from ostiary.forwardauth.routes import ForwardAuth
from ostiary.forwardauth.sign_out import SignOutPage
from ostiary.forwardauth.start import StartPage
from ostiary.sessions.leaving import Leaving
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.forwardauth.house import Answer, Door, House
from tests.house import Browser as OwnBrowser
from tests.house import House as Pages
from tests.house import house as pages

PROXY = "10.1.2.3"
UNDECLARED = "203.0.113.9"


@dataclass
class Street:
    """``house`` answers checks, ``pages`` everything else; both live on one database."""

    house: House
    pages: Pages
    path_secret: str = ""

    def browser(self, dialect: str = "nginx", peer: str = "") -> "Browser":
        return Browser(self, dialect, peer or (UNDECLARED if self.path_secret else PROXY))


class Browser(OwnBrowser):
    """Goes through the proxy: an application's host is checked first, our own host and our paths are passed on."""

    def __init__(self, street: Street, dialect: str, peer: str) -> None:
        super().__init__(street.pages.app, "https://auth.example.com", peer)
        self._street = street
        self._dialect = dialect
        self.trail: list[str] = []
        self.kept: dict[str, str | None] = {}
        self.seen: list[Answer] = []
        self.largest = 0
        """Bytes of the largest head that our host answered with; nginx reads 4096 at most, unless told otherwise."""
        self.start_path = "/outpost.goauthentik.io/start"
        self.http.headers["Sec-Fetch-Mode"] = "navigate"

    @property
    def jar(self) -> CookieJar:
        return self.http.cookies.jar

    def cookies(self, url: str) -> str | None:
        """The Cookie header that this browser sends to an address."""
        request = httpx2.Request("GET", url)
        self.http.cookies.set_cookie_header(request)
        return request.headers.get("cookie")

    async def open(self, url: str, method: str = "GET", **headers: str) -> httpx2.Response:
        """Follows redirects, through the proxy, until a page is shown; an application's is a 200 with its identity."""
        for _ in range(12):
            self.trail.append(url)
            response = await self.step(url, method, **headers)
            if response.status_code not in (302, 303):
                return response
            url, method = str(httpx2.URL(url).join(response.headers["location"])), "GET"
        raise AssertionError(f"a loop: {self.trail}")

    async def step(self, url: str, method: str = "GET", **headers: str) -> httpx2.Response:
        """One request and its answer."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if parts.netloc == "auth.example.com" or parts.path.startswith(("/outpost.goauthentik.io/", "/ostiary/")):
            response = await self.get(url, Host=parts.netloc, X_Forwarded_Proto=parts.scheme, **headers)
            self.largest = max(self.largest, sum(len(name) + len(value) + 4 for name, value in response.headers.raw))
            return response
        target = url.removeprefix(origin) or "/"
        secret = self._street.path_secret
        answer = await self._street.house.ask_as(
            self._dialect,
            f"{origin}{target}",
            self.cookies(url),
            method=method,
            address=f"{self._dialect}~{secret}" if secret else "",
            peer=UNDECLARED if secret else "127.0.0.1",
        )
        self.seen.append(answer)
        request = httpx2.Request(method, url)
        if answer.status == 401 and self._dialect in ("nginx", "nic"):
            response = self._to_sign_in(request, answer, parts.scheme, parts.netloc, target)
        else:
            response = httpx2.Response(answer.status, headers=answer.headers, content=answer.body, request=request)
        self.http.cookies.extract_cookies(response)
        return response

    def _to_sign_in(
        self, request: httpx2.Request, answer: Answer, scheme: str, host: str, target: str
    ) -> httpx2.Response:
        attempt = answer.headers.get("x-ostiary-attempt", "")
        served = self._street.house.table.rules.find(host, target.encode())
        if served is not None and served.in_place:
            where = (
                f"https://auth.example.com/ostiary/start?attempt={attempt}&rd={scheme}://{host}{quote(target, safe='')}"
            )
        else:
            where = f"{scheme}://{host}{self.start_path}?rd={quote(target, safe='')}"
        headers = [("location", where)]
        if "set-cookie" in answer.headers:
            headers.append(("set-cookie", answer.headers["set-cookie"]))
        return httpx2.Response(302, headers=headers, request=request)

    async def sign_in_here(self, username: str = "ada") -> httpx2.Response:
        """Fills in the sign-in page that is open and follows to the application."""
        response = await self.send(
            {"uid_field": username, "password": "correct horse"}, X_Forwarded_Proto="https", Host="auth.example.com"
        )
        assert response.status_code == 303, response.text
        return await self.open(str(httpx2.URL("https://auth.example.com").join(response.headers["location"])))


@asynccontextmanager
async def street(
    database: Database, url: str, clock: FakeClock, *, path_secret: str = "", **settings: Any
) -> AsyncIterator[Street]:
    """Builds one on a fresh database; ``settings`` are those of its pages. With ``path_secret``, its proxy shows that
    and comes from an address that nobody declared.
    """
    async with pages(database, clock, **settings) as built:
        house = House(
            url,
            clock,
            secrets=built.secrets,
            proxies=(("127.0.0.0/8", "any"), ("10.0.0.0/8", "any")),
            path_secrets=(path_secret,) if path_secret else (),
        )
        explain = Explain(pages=built.pages, contact="help@example.com")
        shared: dict[str, Any] = {
            "table": house.table,
            "freshness": house.freshness,
            "judge": house.judge,
            "explain": explain,
        }
        shared["entrance"] = Entrance(
            table=house.table,
            freshness=house.freshness,
            explain=explain,
            path_secrets=house.path_secret_gate,
            now=clock.now,
        )
        flowing: dict[str, Any] = {"identify": house.identify, "flows": built.start}
        handoff, leaving = house.handoff, Leaving(database=database, clock=clock)
        ForwardAuth(
            **shared,
            responder=house.responder,
            handoff=handoff,
            start=StartPage(**shared, **flowing, handoff=handoff, loops=Loops(built.secrets), secrets=built.secrets),
            sign_out=SignOutPage(**shared, **flowing, leaving=leaving, ticket=built.tickets.issue),
        ).mount(built.routes)
        yield Street(house, built, path_secret)
        await house.close()


__all__ = ["Browser", "Door", "Street", "street"]
