from datetime import timedelta

import pytest
from sqlalchemy import select

from ostiary.applications.models import PathSecret
from ostiary.applications.path_secrets import PURPOSE, PathSecrets, listed
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock

SECRETS = Secrets(["k" * 32])


@pytest.fixture
def verbs(database: Database, clock: FakeClock) -> PathSecrets:
    return PathSecrets(database=database, clock=clock, secrets=SECRETS)


async def in_force(database: Database, clock: FakeClock) -> list[tuple[str, str, bool]]:
    async with database.reading() as r:
        return [(one.name, one.start, one.expires is None) for one in await listed(r, clock.now())]


async def test_a_secret_is_stored_as_a_keyed_hash_and_listed_by_its_beginning(
    verbs: PathSecrets, database: Database, clock: FakeClock
) -> None:
    row, secret = await verbs.add("ingress-nginx", by=COMMAND)
    assert len(secret) == 43
    assert row.secret_hash == SECRETS.hash(PURPOSE, secret.encode())
    assert await in_force(database, clock) == [("ingress-nginx", secret[:4], True)]
    async with database.reading() as r:
        stored = (await r.scalars(select(PathSecret))).one()
        assert secret not in repr(vars(stored))


async def test_a_rotation_keeps_the_old_one_for_its_while(
    verbs: PathSecrets, database: Database, clock: FakeClock
) -> None:
    _, first = await verbs.add("edge", by=COMMAND)
    clock.advance(1)
    _, second = await verbs.rotate("edge", keep=timedelta(hours=2), by=COMMAND)
    clock.advance(1)
    _, third = await verbs.rotate("edge", keep=timedelta(hours=1), by=COMMAND)
    assert await in_force(database, clock) == [
        ("edge", third[:4], True),
        ("edge", second[:4], False),
        ("edge", first[:4], False),
    ]
    # What an earlier rotation kept does not outlive a later one.
    clock.advance(3600)
    assert [start for _, start, _ in await in_force(database, clock)] == [third[:4]]


async def test_a_rotation_at_once_ends_every_older_one(
    verbs: PathSecrets, database: Database, clock: FakeClock
) -> None:
    await verbs.add("edge", by=COMMAND)
    await verbs.rotate("edge", keep=timedelta(days=1), by=COMMAND)
    _, newest = await verbs.rotate("edge", keep=timedelta(), by=COMMAND)
    assert await in_force(database, clock) == [("edge", newest[:4], True)]


async def test_deleting_ends_what_a_rotation_kept_too(verbs: PathSecrets, database: Database, clock: FakeClock) -> None:
    await verbs.add("edge", by=COMMAND)
    await verbs.rotate("edge", by=COMMAND)
    await verbs.delete("edge", by=COMMAND)
    assert await in_force(database, clock) == []
    await verbs.add("edge", by=COMMAND)


async def test_each_change_has_its_event_without_the_secret(verbs: PathSecrets, database: Database) -> None:
    _, first = await verbs.add("edge", by=COMMAND)
    _, second = await verbs.rotate("edge", keep=timedelta(seconds=90), by=COMMAND)
    await verbs.delete("edge", by=COMMAND)
    async with database.reading() as r:
        events = (await r.scalars(select(Event).order_by(Event.id))).all()
    told = {"model": "path_secret", "name": "edge"}
    assert [(event.action, event.context) for event in events] == [
        ("model_created", told),
        ("secret_rotate", told | {"keep_seconds": 90}),
        ("model_deleted", told),
    ]
    assert not any(secret[:4] in repr(event.context) for secret in (first, second) for event in events)


async def test_what_cannot_be_is_refused_by_name(verbs: PathSecrets) -> None:
    await verbs.add("edge", by=COMMAND)
    for name in ("", "-x", "a b", "a" * 51, "é"):
        with pytest.raises(InvalidInput, match="name:"):
            await verbs.add(name, by=COMMAND)
    with pytest.raises(Conflict, match="rotate it"):
        await verbs.add("edge", by=COMMAND)
    with pytest.raises(NotFound):
        await verbs.rotate("other", by=COMMAND)
    with pytest.raises(NotFound):
        await verbs.delete("other", by=COMMAND)
    for keep in (timedelta(seconds=-1), timedelta(days=31)):
        with pytest.raises(InvalidInput, match="keep:"):
            await verbs.rotate("edge", keep=keep, by=COMMAND)
