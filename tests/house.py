"""A whole house for tests of pages: every part as the application builds it, and browsers that keep cookies."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path

import httpx2
from sqlalchemy import update
from starlette.types import ASGIApp

import ostiary
from ostiary.directory.credentials import Credentials
from ostiary.directory.devices import Devices
from ostiary.directory.lockout import Lockout
from ostiary.directory.own_details import OwnDetails
from ostiary.directory.passwords import Passwords
from ostiary.directory.recovery import Recovery, forget
from ostiary.directory.setup import Setup
from ostiary.directory.tokens import Tokens
from ostiary.directory.users import Users
from ostiary.events.record import COMMAND
from ostiary.flows.arrival import Arrivals
from ostiary.flows.executor import Executor
from ostiary.flows.intent import Intent, Intents
from ostiary.flows.routes import FlowPages
from ostiary.flows.run import Stage
from ostiary.flows.signout import SignOutTickets
from ostiary.flows.stages.runners import runners
from ostiary.flows.start import SETUP, Start
from ostiary.kit.proxies import Proxies, ProxyRule
from ostiary.portal.applications import MyApplications
from ostiary.portal.details import DetailsPage
from ostiary.portal.impersonation import ImpersonationPage
from ostiary.portal.recovery import RecoveryPage
from ostiary.portal.routes import Portal
from ostiary.portal.sessions import SessionsPage
from ostiary.sessions.impersonation import Impersonation
from ostiary.sessions.leaving import Leaving
from ostiary.sessions.lifecycle import Sessions
from ostiary.sessions.own_password import OwnPassword
from ostiary.storage import installation
from ostiary.storage.models import Installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from ostiary.web.address import Address
from ostiary.web.errors import Errors
from ostiary.web.forms import Forms
from ostiary.web.pages import Pages
from ostiary.web.routes import Routes
from ostiary.web.site import site
from ostiary.web.static import Static
from ostiary.web.visits import Visits
from tests.clock import FakeClock

PACKAGE = Path(ostiary.__file__).parent
ORIGIN = "https://auth.example.com"
PASSWORD = "correct horse"


@dataclass
class House:
    """The parts that tests reach into."""

    database: Database
    clock: FakeClock
    secrets: Secrets
    users: Users
    sessions: Sessions
    impersonation: Impersonation
    recovery: Recovery
    setup: Setup
    executor: Executor
    tickets: SignOutTickets
    start: Start
    routes: Routes
    stages: dict[str, Stage]
    pages: Pages
    proxies: Proxies
    build: Callable[[], ASGIApp]

    @cached_property
    def app(self) -> ASGIApp:
        """The application; a test that wants more routes mounts them before the first request."""
        return self.build()

    def browser(self, origin: str = ORIGIN, peer: str = "203.0.113.7") -> "Browser":
        """A new browser profile."""
        return Browser(self.app, origin, peer)


class Browser:
    """An HTTP client with a cookie jar that sends what a browser sends on a navigation."""

    def __init__(self, app: ASGIApp, origin: str, peer: str) -> None:
        transport = httpx2.ASGITransport(app=app, client=(peer, 40000))
        self.http = httpx2.AsyncClient(transport=transport, base_url=origin, headers={"Accept": "text/html"})
        self.page = Page("")

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        """Opens an address. Underscores in header names stand for dashes."""
        response = await self.http.get(url, headers=_dashed(headers))
        self.page = Page(response.text)
        return response

    async def send(self, values: dict[str, str], **headers: str) -> httpx2.Response:
        """Fills in the page's form and sends it."""
        form = {**self.page.fields, **values}
        response = await self.http.post(self.page.action, data=form, headers=_dashed(headers))
        if response.status_code not in (302, 303):
            self.page = Page(response.text)
        return response

    async def sign_in(self, username: str = "ada", password: str = PASSWORD) -> httpx2.Response:
        """Goes through the sign-in page."""
        await self.get("/if/flow/default-authentication-flow/")
        return await self.send({"uid_field": username, "password": password})


class Page(HTMLParser):
    """The first form of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.action = ""
        self.fields: dict[str, str] = {}
        self.inputs: dict[str, dict[str, str]] = {}
        self.labels: dict[str, str] = {}
        self.text = ""
        self._label = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = values["action"]
        if tag == "input":
            self.fields[values["name"]] = values.get("value", "")
            self.inputs[values["name"]] = values
        if tag == "label":
            self._label = values["for"]

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._label:
            self.labels[self._label] = data
            self._label = ""


@asynccontextmanager
async def house(
    database: Database,
    clock: FakeClock,
    *,
    base_url: str = ORIGIN,
    idle: int = 28_800,
    absolute: int = 1_209_600,
    unused: bool = False,
    declared: str = "10.0.0.0/8",
) -> AsyncIterator[House]:
    """Builds one on a fresh database, with its default flows and two people, `ada` and `bob`.

    An ``unused`` one is not set up yet.
    """
    secrets = Secrets(["k" * 32])
    passwords = Passwords(memory_kib=64, passes=1)
    lockout = Lockout(clock=clock, secrets=secrets)
    devices = Devices(clock=clock, secrets=secrets)
    users = Users(database=database, clock=clock, passwords=passwords)
    sessions = Sessions(database=database, clock=clock, secrets=secrets, idle=idle, absolute=absolute)
    users.on_credentials_changed.extend((sessions.end_others, forget))
    impersonation = Impersonation(database=database, clock=clock, sessions=sessions)
    tokens = Tokens(database=database, clock=clock, secrets=secrets)
    recovery = Recovery(
        database=database, clock=clock, passwords=passwords, users=users, tokens=tokens, lockout=lockout
    )
    credentials = Credentials(database=database, clock=clock, passwords=passwords, lockout=lockout, devices=devices)
    setup = Setup(database=database, clock=clock, secrets=secrets, passwords=passwords, users=users)
    stages = runners(
        database=database, clock=clock, credentials=credentials, sessions=sessions, devices=devices, setup=setup
    )
    executor = Executor(database=database, clock=clock, secrets=secrets, stages=stages)
    proxies = Proxies([ProxyRule.parse(declared, "any")])
    address = Address(configured=base_url, database=database, clock=clock)
    static = Static(PACKAGE / "static")
    pages = Pages(templates=PACKAGE / "templates", static=static, title="Ostiary", contact="help@example.com")
    forms = Forms(pages=pages, secrets=secrets)
    start = Start(secrets)
    visits = Visits(
        database=database,
        secrets=secrets,
        sessions=sessions,
        address=address,
        proxies=proxies,
        sign_in_url=lambda resume, flow: start.url(Intent(resume=resume), flow),
    )
    routes = Routes(visits)
    tickets = SignOutTickets(secrets=secrets, clock=clock)
    FlowPages(
        executor=executor,
        forms=forms,
        intents=Intents(secrets),
        tickets=tickets,
        arrivals=Arrivals(executor=executor, intents=Intents(secrets), address=address),
        setup_open=setup.is_open,
    ).mount(routes)
    own_password = OwnPassword(
        database=database,
        users=users,
        passwords=passwords,
        credentials=credentials,
        devices=devices,
        sessions=sessions,
    )
    Portal(
        forms=forms,
        applications=MyApplications(database=database, clock=clock),
        own_password=own_password,
        setup_open=setup.is_open,
        setup_url=start.url(Intent(), SETUP),
    ).mount(routes)
    DetailsPage(forms=forms, own_details=OwnDetails(database=database, users=users)).mount(routes)
    leaving = Leaving(database=database, clock=clock)
    SessionsPage(database=database, clock=clock, forms=forms, sessions=sessions, leaving=leaving).mount(routes)
    RecoveryPage(database=database, forms=forms, recovery=recovery).mount(routes)
    ImpersonationPage(forms=forms, impersonation=impersonation).mount(routes)

    def build() -> ASGIApp:
        return site(routes=routes, static=static, errors=Errors(pages), address=address, proxies=proxies)

    async with database.writing() as w:
        await installation.ensure(w, secrets, clock)
        if not unused:
            await w.execute(update(Installation).values(setup_completed=clock.now()))
    await users.create("ada", name="Ada Lovelace", email="ada@example.com", password=PASSWORD, by=COMMAND)
    await users.create("bob", name="Bob", password=PASSWORD, by=COMMAND)
    yield House(
        database=database,
        clock=clock,
        secrets=secrets,
        users=users,
        sessions=sessions,
        impersonation=impersonation,
        recovery=recovery,
        setup=setup,
        executor=executor,
        tickets=tickets,
        start=start,
        routes=routes,
        stages=stages,
        pages=pages,
        proxies=proxies,
        build=build,
    )
    passwords.close()


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
