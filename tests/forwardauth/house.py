"""A small installation for tests of the check: rows written straight into a database, questions as nginx asks them."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, inspect, select, update

import ostiary
from ostiary.access.freshness import Freshness, PostgresFreshness, SqliteFreshness
from ostiary.access.machines import Machines as Met
from ostiary.access.table import AccessTable
from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.directory.models import Group, Membership, Token, User
from ostiary.events.models import Event
from ostiary.forwardauth.explain import Explain
from ostiary.forwardauth.handoff import Handoff
from ostiary.forwardauth.identify import Identify
from ostiary.forwardauth.issuer_keys import Fetch, IssuerKeys
from ostiary.forwardauth.judge import Judge
from ostiary.forwardauth.machines import Machines
from ostiary.forwardauth.path_secrets import PathSecrets
from ostiary.forwardauth.refusals import Refusals
from ostiary.forwardauth.replies import Replies
from ostiary.forwardauth.responder import Responder
from ostiary.keys.keyring import Keyring, listed
from ostiary.kit.errors import Unavailable
from ostiary.kit.proxies import Proxies, ProxyRule
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.sessions.app_sessions import app_cookie, domain_cookie
from ostiary.sessions.models import AppSession, Session
from ostiary.storage.base import Base, new_id
from ostiary.storage.direct import PostgresDirect, SqliteDirect
from ostiary.storage.engine import open_engine
from ostiary.storage.feed_postgres import PostgresFeed
from ostiary.storage.feed_sqlite import SqliteFeed
from ostiary.storage.last_use import LastUse
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from ostiary.web.pages import Pages
from ostiary.web.static import Static
from tests.clock import FakeClock

IDLE = 8 * 3600
AUTH = "/outpost.goauthentik.io/auth/nginx"


def pages() -> Pages:
    """The product's own pages."""
    package = Path(ostiary.__file__).parent
    return Pages(templates=package / "templates", static=Static(package / "static"), title="Ostiary", contact="")


@dataclass(frozen=True)
class Answer:
    """An answer taken apart. ``headers`` are lower case; a repeated one fails the test."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    @classmethod
    def parse(cls, raw: bytes) -> "Answer":
        head, separator, body = raw.partition(b"\r\n\r\n")
        assert separator
        lines = head.decode("utf-8").split("\r\n")
        pairs = [line.split(": ", 1) if ": " in line else [line.rstrip(":"), ""] for line in lines[1:]]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs)
        assert headers["content-length"] == str(len(body))
        assert bool(body) == ("content-type" in headers)
        assert len(raw) < 4096 or "x-envoy-auth-headers-to-remove" in headers
        assert headers["cache-control"] == "no-store"
        return cls(int(lines[0].split(" ")[1]), headers, body)

    @property
    def reason(self) -> str:
        return self.headers.get("x-ostiary-reason", "")


async def nothing_to_fetch(uri: str) -> bytes:
    raise Unavailable("outgoing.unreachable", f"{uri} does not answer.")


@dataclass
class House:
    """One worker's parts over a fresh database."""

    url: str
    clock: FakeClock
    secrets: Secrets = field(default_factory=lambda: Secrets(["k" * 32]))
    proxies: tuple[tuple[str, str], ...] = (("127.0.0.0/8", "any"),)
    path_secrets: tuple[str, ...] = ()
    base_url: str | None = "https://auth.example.com"
    touched: list[tuple[str, datetime]] = field(default_factory=list)
    traced: list[dict[str, str]] | None = None
    fetch: Fetch = nothing_to_fetch

    def __post_init__(self) -> None:
        self.database = Database(open_engine(self.url))
        self.table = AccessTable(secrets=self.secrets, base_url=self.base_url)
        self.freshness: Freshness
        if self.database.is_sqlite:
            path = self.url.removeprefix("sqlite:///")
            self.feed: Any = SqliteFeed(path)
            self.direct: Any = SqliteDirect(path)
            self.freshness = SqliteFreshness(table=self.table, feed=self.feed, direct=self.direct)
        else:
            self.feed = PostgresFeed(self.url)
            self.direct = PostgresDirect(self.url)
            self.freshness = PostgresFreshness(table=self.table, feed=self.feed, direct=self.direct, clock=self.clock)
        self.keyring = Keyring(
            database=self.database, clock=self.clock, secrets=self.secrets, longest_token=timedelta(minutes=5)
        )
        self.refusals = Refusals(database=self.database, clock=self.clock)
        rules = Proxies(ProxyRule.parse(*rule) for rule in self.proxies)
        self.identify = Identify(
            table=self.table,
            secrets=self.secrets,
            idle=IDLE,
            touch=lambda login, last_used: self.touched.append((login, last_used)),
        )
        self.met = Met(table=self.table)
        self.issuer_keys = IssuerKeys(fetch=self.fetch, now=self.clock.now)
        self.token_use = LastUse(database=self.database, model=Token)
        self.machines = Machines(
            table=self.table, met=self.met, secrets=self.secrets, keys=self.issuer_keys, touch=self.token_use.note
        )
        self.judge = Judge(
            table=self.table,
            identify=self.identify,
            machines=self.machines,
            refusals=self.refusals,
            proxies=rules,
            clock=self.clock,
        )
        self.handoff = Handoff(database=self.database, secrets=self.secrets, clock=self.clock)
        self.path_secret_gate = PathSecrets(secrets=self.secrets, configured=self.path_secrets)
        self.responder = Responder(
            table=self.table,
            freshness=self.freshness,
            judge=self.judge,
            replies=Replies(way_back=self.handoff, page=Explain(pages=pages(), contact="help@example.com").refused),
            in_place=self.handoff,
            proxies=rules,
            now=self.clock.now,
            path_secrets=self.path_secret_gate,
            fetch_keys=self.issuer_keys.refresh,
            trace=None if self.traced is None else self._trace,
        )

    def _trace(self, **facts: str) -> None:
        assert self.traced is not None
        self.traced.append(facts)

    async def close(self) -> None:
        for part in (self.feed, self.direct):
            closing = part.close()
            if isinstance(closing, Awaitable):
                await closing
        await self.database.close()

    async def let_know(self) -> None:
        """Lets PostgreSQL's background poll happen once; on SQLite there is nothing to wait for."""
        if isinstance(self.freshness, PostgresFreshness):
            await self.freshness.refresh()

    async def add(self, model: type[Base], **values: Any) -> Any:
        """Inserts one row and returns its primary key."""
        async with self.database.writing() as w:
            return await w.scalar(insert(model).values(**values).returning(inspect(model).primary_key[0]))

    async def person(self, username: str = "ada", *groups: str, **values: Any) -> int:
        """A user in these groups (by id)."""
        user_id: int = await self.add(
            User, **{"username": username, "name": username.title(), "created": self.clock.now()} | values
        )
        for group in groups:
            await self.add(Membership, user_id=user_id, group_id=group)
        return user_id

    async def group(self, name: str, **values: Any) -> str:
        group_id: str = await self.add(Group, name=name, **values)
        return group_id

    async def update(self, model: type[Base], where: ColumnElement[bool], **values: Any) -> None:
        """Changes rows, as a hand with a database shell would."""
        async with self.database.writing() as w:
            await w.execute(update(model).where(where).values(**values).execution_options(synchronize_session=False))

    async def delete(self, model: type[Base], where: ColumnElement[bool]) -> None:
        """Deletes rows."""
        async with self.database.writing() as w:
            await w.execute(delete(model).where(where).execution_options(synchronize_session=False))

    async def join(self, username: str, group_id: str) -> None:
        """Makes somebody a member."""
        async with self.database.reading() as r:
            user_id = await r.scalar(select(User.id).where(User.username == username))
        await self.add(Membership, user_id=user_id, group_id=group_id)

    async def login(self, user_id: int, seconds: int = 14 * 86400, *, ends_when_idle: bool = True) -> str:
        """A live login of this person."""
        now = self.clock.now()
        login_id: str = await self.add(
            Session,
            token_hash=new_id().ljust(64, "0"),
            user_id=user_id,
            created=now,
            authenticated=now,
            method="password",
            last_used=now,
            expires=now + timedelta(seconds=seconds),
            ends_when_idle=ends_when_idle,
        )
        return login_id

    async def sign(self) -> None:
        """A key that signs, as the first start makes one, without the event."""
        async with self.database.writing() as w:
            if not await listed(w):
                await self.keyring.ensure(w)
                await w.flush()
                await w.execute(delete(Event).where(Event.room == "keys"))

    async def application(self, host: str = "https://hello.example.com", **values: Any) -> "Door":
        """An application with its proxy provider, at a host or below a path of one; the provider's fields are told by
        their names."""
        await self.sign()
        scheme, _, rest = host.rstrip("/").partition("://")
        name, slash, path = rest.partition("/")
        origin = f"{scheme}://{name}"
        slug = values.pop("slug", path.replace("/", "-") or name.partition(".")[0])
        uuid = new_id()
        proxy = {name: values.pop(name) for name in [*values] if name in inspect(ProxyProvider).columns}
        provider_id = await self.add(
            Provider,
            uuid=uuid,
            type="proxy",
            name=f"Provider for {slug}",
            authorization_flow="default-provider-authorization-implicit-consent",
            invalidation_flow="default-provider-invalidation-flow",
        )
        proxy = {"mode": "forward_single", **proxy}
        await self.add(ProxyProvider, id=provider_id, external_host=origin, host_key=name, path=slash + path, **proxy)
        values = {"access": "everyone", "created": self.clock.now(), "name": slug.title()} | values
        application_id = await self.add(Application, slug=slug, provider_id=provider_id, **values)
        return Door(self, application_id, provider_id, uuid, origin, proxy.get("cookie_domain", ""))

    async def bind(self, door: "Door", **values: Any) -> str:
        """Binds a user, group or expression to an application."""
        expression = values.pop("expression", None)
        if expression is not None:
            values["policy_id"] = await self.add(Policy, name=new_id(), expression=expression)
        binding: str = await self.add(PolicyBinding, application_id=door.application_id, **values)
        return binding

    async def ask(
        self,
        url: str | bytes | None = "https://hello.example.com/",
        cookie: str | None = None,
        *headers: str,
        method: str = "GET",
        peer: str = "127.0.0.1",
        target: str = AUTH,
        navigation: bool = True,
    ) -> Answer:
        """Asks as ingress-nginx does."""
        return Answer.parse(
            await self.raw(url, cookie, *headers, method=method, peer=peer, target=target, navigation=navigation)
        )

    async def ask_as(
        self,
        dialect: str,
        url: str = "https://hello.example.com/",
        cookie: str | None = None,
        *headers: str,
        method: str = "GET",
        peer: str = "127.0.0.1",
        prefix: str = "/ostiary",
        navigation: bool = True,
        without: str = "",
        address: str = "",
    ) -> Answer:
        """Asks as the proxy of a dialect does; ``without`` is a header that it leaves out, ``address`` another
        dialect's, asked by mistake or on purpose."""
        scheme, _, rest = url.partition("://")
        host, slash, tail = rest.partition("/")
        target, line = f"{prefix}/auth/{address or dialect}", "GET"
        told = [f"X-Forwarded-Proto: {scheme}", f"X-Forwarded-Host: {host}"]
        if dialect == "nginx":
            told = [f"X-Original-URL: {url}", f"X-Original-Method: {method}"]
        elif dialect.startswith("envoy"):
            target, line, told = target + slash + tail, method, told[:1]
        elif dialect == "ngf":
            told = [f"Path: {slash}{tail}", f"Method: {method}"]
        elif dialect != "nic":
            told += [f"X-Forwarded-Uri: {slash}{tail}", f"X-Forwarded-Method: {method}"]
        own = host if dialect.startswith(("envoy", "ngf")) else "ostiary.svc.cluster.local"
        lines = [f"{line} {target} HTTP/1.1", f"Host: {own}", *told, *headers]
        lines.append("Sec-Fetch-Mode: navigate" if navigation else "Accept: */*")
        if cookie is not None:
            lines.append(f"Cookie: {cookie}")
        kept = [text for text in lines if not (without and text.lower().startswith(without.lower() + ":"))]
        head = "\r\n".join(kept).encode("utf-8", "surrogateescape") + b"\r\n\r\n"
        found = self.responder.answer(head, line.encode(), target.encode(), peer)
        assert found is not None
        return Answer.parse(found if isinstance(found, bytes) else await found)

    async def raw(
        self,
        url: str | bytes | None = "https://hello.example.com/",
        cookie: str | None = None,
        *headers: str,
        method: str = "GET",
        peer: str = "127.0.0.1",
        target: str = AUTH,
        navigation: bool = True,
    ) -> bytes:
        lines = [f"GET {target} HTTP/1.1".encode(), b"Host: outpost.svc.cluster.local"]
        if url is not None:
            lines.append(b"X-Original-URL: " + (url if isinstance(url, bytes) else url.encode()))
        if method:
            lines.append(f"X-Original-Method: {method}".encode())
        if navigation:
            lines.append(b"Sec-Fetch-Mode: navigate")
        if cookie is not None:
            lines.append(b"Cookie: " + cookie.encode("utf-8", "surrogateescape"))
        lines += [header.encode("latin-1") for header in headers]
        found = self.responder.answer(b"\r\n".join(lines) + b"\r\n\r\n", b"GET", target.encode("latin-1"), peer)
        assert found is not None
        return found if isinstance(found, bytes) else await found


@dataclass(frozen=True)
class Door:
    """An application as tests use it."""

    house: House
    application_id: str
    provider_id: int
    uuid: str
    origin: str
    cookie_domain: str

    @property
    def secure(self) -> bool:
        return self.origin.startswith("https://")

    async def set(self, **values: Any) -> None:
        """Changes the application or its provider."""
        mine = {name: values.pop(name) for name in list(values) if hasattr(ProxyProvider, name)}
        if mine:
            await self.house.update(ProxyProvider, ProxyProvider.id == self.provider_id, **mine)
        if values:
            await self.house.update(Application, Application.id == self.application_id, **values)

    async def session(self, login_id: str, **values: Any) -> str:
        """A Cookie pair that opens this application for a login."""
        secrets = self.house.secrets
        kind = domain_cookie(self.uuid, self.cookie_domain) if self.cookie_domain else app_cookie(self.uuid)
        value, secret = kind.mint(secrets)
        now = self.house.clock.now()
        host = self.cookie_domain or self.origin.partition("://")[2]
        await self.house.add(
            AppSession,
            **{
                "token_hash": secrets.hash("app-session", secret),
                "session_id": login_id,
                "provider_id": self.provider_id,
                "kind": "domain" if self.cookie_domain else "app",
                "host": host,
                "created": now,
                "expires": now + timedelta(days=1),
            }
            | values,
        )
        return f"{kind.name(self.secure)}={value}"
