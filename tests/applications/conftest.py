"""The rooms' verbs on each database, with a person and two groups."""

from dataclasses import dataclass

import pytest
from sqlalchemy import insert, select

from ostiary.applications.bindings import Bindings
from ostiary.applications.registry import Applications
from ostiary.directory.models import Group, GroupParent, Membership, User
from ostiary.events.models import Event
from ostiary.policies.registry import Policies
from ostiary.storage.session import Database
from tests.clock import FakeClock


@dataclass(frozen=True)
class House:
    """Every verb, and what the audit log says."""

    database: Database
    clock: FakeClock
    applications: Applications
    bindings: Bindings
    policies: Policies

    async def events(self) -> list[tuple[str, str]]:
        """(action, model) of every event, oldest first."""
        async with self.database.reading() as r:
            return [
                (event.action, event.context["model"]) for event in await r.scalars(select(Event).order_by(Event.id))
            ]


@pytest.fixture
async def house(database: Database, clock: FakeClock) -> House:
    """bob is in crew, which is below staff; alice is in nothing."""
    async with database.writing() as w:
        for number, username in ((1, "bob"), (2, "alice")):
            w.add(User(id=number, username=username, attributes={"level": number}, created=clock.now()))
        for group in ("staff", "crew"):
            w.add(Group(id=f"id-{group}", name=group))
        await w.flush()
        await w.execute(insert(GroupParent).values(group_id="id-crew", parent_id="id-staff"))
        await w.execute(insert(Membership).values(user_id=1, group_id="id-crew"))
    return House(
        database,
        clock,
        Applications(database=database, clock=clock, base_url="https://auth.example.com"),
        Bindings(database=database, clock=clock),
        Policies(database=database, clock=clock),
    )
