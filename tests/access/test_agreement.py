"""What a check decides by and what `ostiary access explain` tells are read by two ways; they say the same."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from ostiary.access.authorize import ApplicationRules, authorize
from ostiary.access.explain import rules_of, subject_of
from ostiary.access.freshness import PostgresFreshness, SqliteFreshness
from ostiary.access.table import AccessTable
from ostiary.applications.bindings import Bindings, Target
from ostiary.applications.registry import Applications, existing
from ostiary.directory.groups import Groups
from ostiary.directory.models import Group, GroupParent, Membership, User
from ostiary.events.record import COMMAND
from ostiary.kit.expressions import Expression
from ostiary.policies.engine import Asked, Kind, Question, Subject
from ostiary.policies.registry import Policies
from ostiary.policies.types import PolicyCompiler
from ostiary.storage.direct import PostgresDirect, SqliteDirect
from ostiary.storage.feed_postgres import PostgresFeed
from ostiary.storage.feed_sqlite import SqliteFeed
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock

SECRETS = Secrets(["x" * 32])


class Worker:
    """A worker's table, kept true by the feed."""

    def __init__(self, url: str, clock: FakeClock) -> None:
        self.clock = clock
        self.table = AccessTable(secrets=SECRETS, base_url="https://auth.example.com")
        if url.startswith("sqlite"):
            path = url.removeprefix("sqlite:///")
            self.freshness: SqliteFreshness | PostgresFreshness = SqliteFreshness(
                table=self.table, feed=SqliteFeed(path), direct=SqliteDirect(path)
            )
        else:
            self.freshness = PostgresFreshness(
                table=self.table, feed=PostgresFeed(url), direct=PostgresDirect(url), clock=clock
            )

    async def look(self, host: str, user_id: int) -> tuple[ApplicationRules | None, Subject | None]:
        # Time enough for what a poll believed to be over.
        self.clock.advance(1)
        person = await self.freshness.ask(self.table.load_person(user_id))
        served = self.table.rules.find(host, b"/")
        return served.rules if served else None, person.subject if person else None


@asynccontextmanager
async def worker(url: str, clock: FakeClock) -> AsyncIterator[Worker]:
    made = Worker(url, clock)
    try:
        yield made
    finally:
        for part in (made.freshness._feed, made.freshness._direct):
            closing = part.close()
            if isinstance(closing, Awaitable):
                await closing


def _text(asked: Asked) -> str:
    return asked.text if isinstance(asked, Expression) else repr(asked)


def comparable(rules: ApplicationRules) -> ApplicationRules:
    """Compiled expressions are compared by what they read."""
    plain = [
        replace(rule, name=f"{rule.name}: {_text(rule.expression)}", expression=None) if rule.expression else rule
        for rule in rules.rules
    ]
    return replace(rules, rules=sorted(plain, key=lambda rule: (rule.order, rule.binding_id)))


async def test_the_table_and_the_explanation_agree_after_every_change(
    database: Database, database_url: str, clock: FakeClock
) -> None:
    async with database.writing() as w:
        w.add(User(id=1, username="bob", email="b@example.com", attributes={"level": 3}, created=clock.now()))
        w.add_all([Group(id="s", name="staff"), Group(id="c", name="crew"), Group(id="b", name="bosses")])
        await w.flush()
        w.add_all([GroupParent(group_id="c", parent_id="s"), Membership(user_id=1, group_id="c")])
    applications = Applications(database=database, clock=clock, base_url="https://auth.example.com")
    bindings, policies = Bindings(database=database, clock=clock), Policies(database=database, clock=clock)
    groups = Groups(database=database, clock=clock)
    staff, level = Target(Kind.GROUP, "staff"), Target(Kind.POLICY, "level")
    later = clock.now() + timedelta(days=1)

    async def add() -> None:
        proxy = {"external_host": "https://hello.example.com"}
        await applications.add_proxied("hello", access="everyone", proxy=proxy, by=COMMAND)

    steps: list[tuple[Callable[[], Awaitable[object]], bool]] = [
        (add, True),
        (lambda: bindings.put("hello", Target(Kind.USER, "bob"), negate=True, by=COMMAND), False),
        (lambda: bindings.put("hello", staff, order=2, expires=later, by=COMMAND), True),
        (lambda: applications.update("hello", {"policy_engine_mode": "all"}, by=COMMAND), False),
        (lambda: bindings.remove("hello", Target(Kind.USER, "bob"), by=COMMAND), True),
        (lambda: policies.create("level", "user.attributes.level > 3", by=COMMAND), True),
        (lambda: bindings.put("hello", level, order=1, by=COMMAND), False),
        (lambda: policies.update("level", expression="user.attributes.level > 2", by=COMMAND), True),
        (lambda: policies.update("level", expression="user.attributes.levl > 2", by=COMMAND), False),
        (lambda: bindings.put("hello", level, enabled=False, by=COMMAND), True),
        (lambda: applications.disable("hello", by=COMMAND), False),
        (lambda: applications.enable("hello", by=COMMAND), True),
        (lambda: policies.delete("level", by=COMMAND), True),
        (lambda: groups.delete("s", by=COMMAND), False),
        (lambda: applications.update("hello", {"access": "everyone", "slug": "hi", "name": "Hi"}, by=COMMAND), True),
    ]
    slug = "hello"
    async with worker(database_url, clock) as looking:
        await looking.look("hello.example.com", 1)
        for number, (step, allowed) in enumerate(steps):
            await step()
            slug = "hi" if number == len(steps) - 1 else slug
            rules, subject = await looking.look("hello.example.com", 1)
            async with database.reading() as r:
                application = (await existing(r, slug)).application
                told = await rules_of(r, application, PolicyCompiler())
                person = await subject_of(r, await r.get_one(User, 1))
            assert rules is not None
            assert subject == person
            assert comparable(rules) == comparable(told), number
            question = Question(clock.now(), "hello.example.com", "GET", "/")
            checked, explained = authorize(rules, person, question), authorize(told, person, question)
            assert checked.allowed is allowed, number
            assert [(part.result, part.text) for part in checked.reasons] == [
                (part.result, part.text) for part in explained.reasons
            ]
        await applications.delete("hi", by=COMMAND)
        assert (await looking.look("hello.example.com", 1))[0] is None
