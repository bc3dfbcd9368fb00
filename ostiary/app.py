"""The composition root: builds every part once, by keyword; the only module that sees everything."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import structlog
from starlette.types import ASGIApp

import ostiary
from ostiary.access.freshness import PostgresFreshness, freshness_of
from ostiary.access.machines import Machines as MetMachines
from ostiary.access.table import AccessTable
from ostiary.api.lazy import Lazy
from ostiary.applications.models import PathSecret
from ostiary.brands.looks import BrandLooks
from ostiary.directory.models import Token
from ostiary.directory.own_details import OwnDetails
from ostiary.events.retention import forget_old
from ostiary.flows.arrival import Arrivals
from ostiary.flows.executor import Executor
from ostiary.flows.intent import Intent, Intents
from ostiary.flows.programs import FlowPrograms
from ostiary.flows.routes import FlowPages
from ostiary.flows.signout import SignOutTickets
from ostiary.flows.stages.runners import runners
from ostiary.flows.start import Start
from ostiary.forwardauth import counts
from ostiary.forwardauth.entrance import Entrance
from ostiary.forwardauth.explain import Explain
from ostiary.forwardauth.handoff import Handoff
from ostiary.forwardauth.identify import Identify
from ostiary.forwardauth.issuer_keys import IssuerKeys
from ostiary.forwardauth.judge import Judge
from ostiary.forwardauth.loops import Loops
from ostiary.forwardauth.machines import Machines
from ostiary.forwardauth.path_secrets import PathSecrets as PathSecretGate
from ostiary.forwardauth.refusals import Refusals
from ostiary.forwardauth.replies import Replies
from ostiary.forwardauth.responder import Responder
from ostiary.forwardauth.routes import ForwardAuth
from ostiary.forwardauth.sign_out import SignOutPage
from ostiary.forwardauth.start import StartPage
from ostiary.kit.errors import Unavailable
from ostiary.kit.jose import LARGEST_SET
from ostiary.kit.proxies import Proxies, ProxyRule
from ostiary.outposts.health import Heartbeat
from ostiary.parts import Parts, build
from ostiary.policies.models import ReputationScore
from ostiary.portal.applications import MyApplications
from ostiary.portal.details import DetailsPage
from ostiary.portal.impersonation import ImpersonationPage
from ostiary.portal.recovery import RecoveryPage
from ostiary.portal.routes import Portal
from ostiary.portal.sessions import SessionsPage
from ostiary.sessions import app_sessions
from ostiary.sessions.leaving import Leaving
from ostiary.sessions.models import Ticket
from ostiary.sessions.own_password import OwnPassword
from ostiary.settings.tree import Settings, split_address
from ostiary.simulation.models import Simulation
from ostiary.storage import installation
from ostiary.storage.base import new_id
from ostiary.storage.direct import PostgresDirect
from ostiary.storage.expiry import expire
from ostiary.storage.feed import trim
from ostiary.storage.feed_postgres import PostgresFeed
from ostiary.storage.jobs import Jobs
from ostiary.storage.last_use import LastUse
from ostiary.storage.leases import Leases
from ostiary.system.registry import current
from ostiary.web.address import Address
from ostiary.web.errors import Errors
from ostiary.web.forms import Forms
from ostiary.web.logs import Shown, check_trace
from ostiary.web.metrics import Metrics
from ostiary.web.pages import Pages
from ostiary.web.routes import Routes
from ostiary.web.server import Face
from ostiary.web.site import site
from ostiary.web.static import Static
from ostiary.web.visits import Visits

SETUP_URL = "/if/flow/initial-setup/"

_PACKAGE = Path(ostiary.__file__).parent
# A feed row is kept for an hour: whoever has not read for so long drops all that it remembers.
_FEED_RETENTION = 3600
# How often what a worker collected (last use, refusals) is written down, and how often it asks whether the database
# answers; seconds.
_FLUSH, _PULSE = 5, 1

_log = structlog.get_logger("ostiary")


class Server:
    """One worker's product: its pages, its answers to checks, its numbers, and what goes on beside requests."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        settings, clock, database, secrets = parts.settings, parts.clock, parts.database, parts.secrets
        proxies = Proxies(ProxyRule.parse(proxy.cidr, proxy.kind) for proxy in settings.proxies)
        contact = settings.web.contact or ""

        self.table = AccessTable(secrets=secrets, base_url=settings.web.base_url)
        self.freshness, self._direct, self._feed = freshness_of(settings.database.url, self.table, clock)
        self.heartbeat = Heartbeat(
            database=database, clock=clock, version=ostiary.__version__, fresh=self.freshness.fresh
        )
        self.refusals = Refusals(database=database, clock=clock)
        identify = Identify(table=self.table, secrets=secrets, idle=settings.sessions.idle, touch=parts.sessions.touch)
        keys = IssuerKeys(fetch=lambda uri: parts.outgoing.get(uri, limit=LARGEST_SET), now=clock.now)
        self.token_use = LastUse(database=database, model=Token)
        self.machines = Machines(
            table=self.table,
            met=MetMachines(table=self.table),
            secrets=secrets,
            keys=keys,
            touch=self.token_use.note,
        )
        judge = Judge(
            table=self.table,
            identify=identify,
            machines=self.machines,
            refusals=self.refusals,
            proxies=proxies,
            clock=clock,
        )
        handoff = Handoff(database=database, secrets=secrets, clock=clock)
        self.looks = BrandLooks(table=self.table, freshness=self.freshness)
        static = Static(_PACKAGE / "static", self.looks)
        self._pages = pages = Pages(
            templates=_PACKAGE / "templates", static=static, title=settings.web.title, contact=contact
        )
        explain = Explain(pages=pages, contact=contact, looks=self.looks)
        path_secrets = PathSecretGate(secrets=secrets, configured=settings.forward_auth.path_secrets)
        entrance = Entrance(
            table=self.table, freshness=self.freshness, explain=explain, path_secrets=path_secrets, now=clock.now
        )
        self.responder = Responder(
            table=self.table,
            freshness=self.freshness,
            judge=judge,
            replies=Replies(way_back=handoff, page=explain.refused),
            in_place=handoff,
            proxies=proxies,
            now=clock.now,
            path_secrets=path_secrets,
            fetch_keys=keys.refresh,
            trace=check_trace(settings.log.level),
        )

        self.metrics = Metrics()
        self.grpc: Face | None = None
        if settings.listen.grpc:
            from ostiary.forwardauth.grpc import GrpcFace

            self.grpc = face = GrpcFace(checks=self.responder)
            self.metrics.counter(
                "grpc_connections_turned_away",
                "Connections for gRPC beyond the most that a worker holds.",
                lambda: float(face.turned_away),
            )

        forms = Forms(pages=pages, secrets=secrets)
        address = Address(configured=settings.web.base_url or "", database=database, clock=clock)
        start = Start(secrets)
        visits = Visits(
            database=database,
            secrets=secrets,
            sessions=parts.sessions,
            address=address,
            proxies=proxies,
            sign_in_url=lambda resume, flow: start.url(Intent(resume=resume), flow),
        )
        self.routes = Routes(visits)
        self.executor = Executor(
            database=database,
            clock=clock,
            secrets=secrets,
            conditions=parts.conditions,
            stages=runners(
                database=database,
                clock=clock,
                credentials=parts.credentials,
                sessions=parts.sessions,
                devices=parts.devices,
                setup=parts.setup,
            ),
        )
        leaving = Leaving(database=database, clock=clock)
        sign_out = SignOutTickets(secrets=secrets, clock=clock)
        intents = Intents(secrets)
        arrivals = Arrivals(executor=self.executor, intents=intents, address=address)
        programs = FlowPrograms(
            executor=self.executor,
            intents=intents,
            arrivals=arrivals,
            address=address,
            product=settings.web.title,
        )
        FlowPages(
            executor=self.executor,
            forms=forms,
            intents=intents,
            tickets=sign_out,
            arrivals=arrivals,
            setup_open=parts.setup.is_open,
        ).mount(self.routes)
        ForwardAuth(
            table=self.table,
            freshness=self.freshness,
            judge=judge,
            responder=self.responder,
            handoff=handoff,
            start=StartPage(
                table=self.table,
                freshness=self.freshness,
                identify=identify,
                judge=judge,
                handoff=handoff,
                loops=Loops(secrets),
                secrets=secrets,
                flows=start,
                entrance=entrance,
                explain=explain,
            ),
            entrance=entrance,
            explain=explain,
            sign_out=SignOutPage(
                table=self.table,
                freshness=self.freshness,
                identify=identify,
                judge=judge,
                entrance=entrance,
                explain=explain,
                flows=start,
                leaving=leaving,
                ticket=sign_out.issue,
            ),
        ).mount(self.routes)
        Portal(
            forms=forms,
            applications=MyApplications(database=database, clock=clock),
            own_password=OwnPassword(
                database=database,
                users=parts.users,
                passwords=parts.passwords,
                credentials=parts.credentials,
                devices=parts.devices,
                sessions=parts.sessions,
            ),
            setup_open=parts.setup.is_open,
            setup_url=SETUP_URL,
        ).mount(self.routes)
        SessionsPage(database=database, clock=clock, forms=forms, sessions=parts.sessions, leaving=leaving).mount(
            self.routes
        )
        RecoveryPage(database=database, forms=forms, recovery=parts.recovery).mount(self.routes)
        ImpersonationPage(forms=forms, impersonation=parts.impersonation).mount(self.routes)
        DetailsPage(forms=forms, own_details=OwnDetails(database=database, users=parts.users)).mount(self.routes)
        self.routes.api(
            "/api/v3/",
            Lazy(
                lambda: _api(
                    parts,
                    visits=visits,
                    proxies=proxies,
                    forms=forms,
                    pages=pages,
                    programs=programs,
                    touch=self.token_use.note,
                )
            ),
        )
        self.asgi: ASGIApp = site(
            routes=self.routes,
            static=static,
            errors=Errors(pages),
            address=address,
            proxies=proxies,
            looks=self.looks,
        )

        counts.register(self.metrics, responder=self.responder, machines=self.machines)
        self._answers = True

    def ready(self) -> bool:
        """Whether the database answered within the last pulse."""
        return self._answers

    async def run(self) -> None:
        """Everything beside requests; runs until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pulse())
            group.create_task(self._write_down())
            group.create_task(self._jobs().run())
            if isinstance(self.freshness, PostgresFreshness):
                group.create_task(self.freshness.run())

    async def close(self) -> None:
        """After the last request: what was collected is written, if the database still answers."""
        with contextlib.suppress(Unavailable):
            await self._flush()
            await self.heartbeat.end()
        if isinstance(self._direct, PostgresDirect):
            await self._direct.close()
        else:
            self._direct.close()
        if isinstance(self._feed, PostgresFeed):
            await self._feed.close()
        else:
            self._feed.close()
        await self.parts.close()

    async def announce_setup(self) -> None:
        """Tells the log how to set up an installation that nobody has; of several workers one tells."""
        code = await self.parts.setup.first_code()
        if code is not None:
            settings = self.parts.settings
            port = split_address(settings.listen.http)[1]
            base = settings.web.base_url or f"http://<this server>:{port}"
            # The one secret that a log may hold: it is made for whoever reads the log, and ends within the hour.
            _log.warning("setup_open", open=Shown(f"{base}{SETUP_URL}?{urlencode({'code': code})}"), minutes=60)
        elif await self.parts.setup.is_open():
            _log.info("setup_code_still_good", advice="`ostiary setup-code` makes another")

    def _jobs(self) -> Jobs:
        parts = self.parts
        database, clock = parts.database, parts.clock

        async def old_app_sessions() -> None:
            async with database.writing() as w:
                await app_sessions.expire(w, clock.now())

        async def feed() -> None:
            async with database.writing() as w:
                await trim(w, _FEED_RETENTION)

        async def old_events() -> None:
            await forget_old(database, clock, await parts.system.retention())

        jobs = Jobs(Leases(database, new_id()))
        jobs.every(60, "sessions.expire", parts.sessions.expire)
        jobs.every(60, "impersonations.end", parts.sessions.end_unallowed)
        jobs.every(60, "app_sessions.expire", old_app_sessions)
        jobs.every(60, "tickets.expire", lambda: expire(database, clock, Ticket.expires))
        jobs.every(300, "flow_runs.expire", self.executor.expire)
        jobs.every(600, "reputation.expire", lambda: expire(database, clock, ReputationScore.expires))
        jobs.every(600, "tokens.expire", lambda: expire(database, clock, Token.expires))
        jobs.every(600, "simulations.expire", lambda: expire(database, clock, Simulation.expires))
        jobs.every(600, "path_secrets.expire", lambda: expire(database, clock, PathSecret.expires))
        jobs.every(60, "keys.keep", parts.keyring.keep)
        jobs.every(3600, "certificates.watch", parts.certificates.watch)
        jobs.every(600, "lockouts.forget", lambda: parts.lockout.forget_old(database))
        jobs.every(600, "feed.trim", feed)
        jobs.every(3600, "events.retention", old_events)
        return jobs

    async def _pulse(self) -> None:
        while True:
            try:
                async with self.parts.database.reading() as r:
                    await installation.read(r)
                    self._pages.footer_links = tuple((await current(r)).footer_links)
                # Pages ask for themselves; an answer to a check that is shown takes what is there.
                await self.looks.refresh()
                self._answers = True
            except Unavailable:
                self._answers = False
            await asyncio.sleep(_PULSE)

    async def _write_down(self) -> None:
        while True:
            with contextlib.suppress(Unavailable):
                await self._flush()
            await asyncio.sleep(_FLUSH)

    async def _flush(self) -> None:
        await self.parts.sessions.flush()
        await self.token_use.flush()
        await self.refusals.flush()
        await self.heartbeat.beat()


def _api(
    parts: Parts,
    *,
    visits: Visits,
    proxies: Proxies,
    forms: Forms,
    pages: Pages,
    programs: FlowPrograms,
    touch: Callable[[str, datetime], None],
) -> ASGIApp:
    """The management API. It, FastAPI and all that it manages load here, when somebody first asks."""
    from ostiary.api.app import build as build_api
    from ostiary.api.caller import Callers
    from ostiary.objects.kinds import all_kinds

    callers = Callers(
        database=parts.database,
        tokens=parts.tokens,
        visits=visits,
        proxies=proxies,
        csrf=forms.token,
        touch=touch,
        now=parts.clock.now,
    )
    return build_api(all_kinds(parts), parts, callers, pages, programs)


async def served(settings: Settings) -> Server:
    """A worker's product, built and announced."""
    server = Server(await build(settings))
    await server.announce_setup()
    return server
