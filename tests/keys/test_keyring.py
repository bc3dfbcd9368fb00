from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.keys.keyring import LIFETIME, PUBLISHED, Keyring, listed, unsealed
from ostiary.keys.models import SigningKey
from ostiary.kit.errors import Conflict, InvalidInput
from ostiary.storage import installation
from ostiary.storage.base import new_id
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock

SECRETS = Secrets(["k" * 32])
TOKEN = timedelta(minutes=5)


@pytest.fixture
async def keyring(database: Database, clock: FakeClock) -> Keyring:
    built = Keyring(database=database, clock=clock, secrets=SECRETS, longest_token=TOKEN)
    async with database.writing() as w:
        await installation.ensure(w, SECRETS, clock)
        await built.ensure(w)
    return built


async def held(database: Database) -> list[tuple[str, str]]:
    async with database.reading() as r:
        return [(key.state, key.kid) for key in await listed(r)]


async def actions(database: Database) -> list[str]:
    async with database.reading() as r:
        return list(await r.scalars(select(Event.action).where(Event.room == "keys").order_by(Event.id)))


async def test_the_first_start_makes_one_that_signs_and_one_that_will(keyring: Keyring, database: Database) -> None:
    first = await held(database)
    assert [state for state, _ in first] == ["current", "next"]
    async with database.writing() as w:
        await keyring.ensure(w)
    await keyring.keep()
    assert await held(database) == first
    assert await actions(database) == ["model_created"] * 2


async def test_a_stored_key_is_sealed_and_signs(keyring: Keyring, database: Database) -> None:
    async with database.reading() as r:
        current, following = await listed(r)
    assert "PRIVATE" not in current.private
    assert not {"d", "p", "q"} & current.public.keys()
    assert unsealed(SECRETS, current.kid, "ES256", current.private).public() == current.public
    # A value that was moved to another row opens nothing there.
    with pytest.raises(ValueError, match="beside another's"):
        unsealed(SECRETS, current.kid, "ES256", following.private)
    with pytest.raises(InvalidInput, match=r"secret\.unreadable"):
        unsealed(Secrets(["x" * 32]), current.kid, "ES256", current.private)


async def test_the_next_key_signs_and_the_old_one_stays_published(
    keyring: Keyring, database: Database, clock: FakeClock
) -> None:
    (_, old), (_, following) = await held(database)
    clock.advance(PUBLISHED.total_seconds())
    await keyring.rotate(by=COMMAND)
    states = await held(database)
    assert states[0] == ("current", following)
    assert states[2] == ("retired", old)
    assert states[1][1] not in (old, following)
    # As long as anything that it signed is good, and an hour.
    clock.advance((TOKEN + timedelta(hours=1)).total_seconds() - 1)
    await keyring.keep()
    assert ("retired", old) in await held(database)
    clock.advance(1)
    await keyring.keep()
    assert [state for state, _ in await held(database)] == ["current", "next"]
    assert (await actions(database)).count("key_rotate") == 1


async def test_a_key_signs_only_after_it_was_published(keyring: Keyring, database: Database, clock: FakeClock) -> None:
    before = await held(database)
    clock.advance(PUBLISHED.total_seconds() - 1)
    with pytest.raises(Conflict, match=r"key\.too_new"):
        await keyring.rotate(by=COMMAND)
    assert await held(database) == before
    await keyring.rotate(by=COMMAND, hurry=True)
    assert (await held(database))[0] == ("current", before[1][1])


async def test_a_key_that_has_signed_long_enough_is_followed(
    keyring: Keyring, database: Database, clock: FakeClock
) -> None:
    before = await held(database)
    clock.advance(LIFETIME.total_seconds() - 1)
    await keyring.keep()
    assert await held(database) == before
    clock.advance(1)
    await keyring.keep()
    await keyring.keep()
    assert (await held(database))[0] == ("current", before[1][1])
    assert (await actions(database)).count("key_rotate") == 1


async def test_a_next_key_that_was_just_made_waits_even_when_its_time_has_come(
    keyring: Keyring, database: Database, clock: FakeClock
) -> None:
    clock.advance(LIFETIME.total_seconds())
    async with database.writing() as w:
        await w.execute(delete(SigningKey).where(SigningKey.state == "next"))
    # The job makes another and goes on signing with the old one.
    signing = (await held(database))[0]
    await keyring.keep()
    assert (await held(database))[0] == signing
    clock.advance(PUBLISHED.total_seconds())
    await keyring.keep()
    assert (await held(database))[0] != signing


async def test_what_may_be_in_wrong_hands_is_not_published(keyring: Keyring, database: Database) -> None:
    before = {kid for _, kid in await held(database)}
    await keyring.discard(by=COMMAND)
    after = await held(database)
    assert [state for state, _ in after] == ["current", "next"]
    assert not before & {kid for _, kid in after}
    assert "key_discard" in await actions(database)


async def test_a_new_secret_key_seals_them_anew(keyring: Keyring, database: Database, clock: FakeClock) -> None:
    newer = Secrets(["n" * 32, "k" * 32])
    before = await held(database)
    async with database.writing() as w:
        await Keyring(database=database, clock=clock, secrets=newer, longest_token=TOKEN).ensure(w)
    assert await held(database) == before
    async with database.reading() as r:
        for key in await listed(r):
            assert unsealed(Secrets(["n" * 32]), key.kid, key.algorithm, key.private).kid == key.kid


async def test_the_database_lets_one_sign(keyring: Keyring, database: Database, clock: FakeClock) -> None:
    with pytest.raises(IntegrityError):
        async with database.writing() as w:
            await w.execute(
                insert(SigningKey).values(
                    id=new_id(), kid="k", algorithm="ES256", state="current", public={}, private="", created=clock.now()
                )
            )
