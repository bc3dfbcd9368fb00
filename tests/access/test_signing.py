from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta

import pytest

from ostiary.access.signing import Signing
from ostiary.events.record import COMMAND
from ostiary.keys.keyring import PUBLISHED, Keyring
from ostiary.kit.jose import PublicKeys
from ostiary.storage import installation
from ostiary.storage.secrets import Secrets
from tests.clock import FakeClock
from tests.forwardauth.house import House


@pytest.fixture
async def house(database_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(database_url, clock)
    yield built
    await built.close()


@pytest.fixture
async def keyring(house: House) -> Keyring:
    built = Keyring(
        database=house.database, clock=house.clock, secrets=house.secrets, longest_token=timedelta(minutes=5)
    )
    async with house.database.writing() as w:
        await installation.ensure(w, house.secrets, house.clock)
        await built.ensure(w)
    return built


async def load(house: House, signing: Signing) -> None:
    """Loads as a worker does."""
    found = house.freshness.load(signing.load())
    if isinstance(found, Awaitable):
        await found


async def test_a_worker_holds_the_key_that_signs_and_all_that_are_published(house: House, keyring: Keyring) -> None:
    await house.freshness.refresh()
    signing = house.table.signing
    assert signing.key is not None
    assert len(signing.published) == 2
    token = signing.key.sign({"iss": "i", "aud": "a", "exp": int(house.clock.now().timestamp()) + 60})
    assert PublicKeys(signing.published).verify(token, issuer="i", audience="a", now=house.clock.now())


async def test_a_rotation_reaches_a_worker_by_the_feed(house: House, keyring: Keyring) -> None:
    await house.freshness.refresh()
    before, version = house.table.signing.key, house.table.version
    house.clock.advance(PUBLISHED.total_seconds())
    await keyring.rotate(by=COMMAND)
    await house.freshness.refresh()
    after = house.table.signing.key
    assert before is not None
    assert after is not None
    assert before.kid != after.kid
    assert house.table.signing.published[0]["kid"] == after.kid
    assert len(house.table.signing.published) == 3
    assert house.table.version > version


async def test_other_news_do_not_unseal_anew(house: House, keyring: Keyring) -> None:
    await house.freshness.refresh()
    before = house.table.signing.key
    await house.group("staff")
    await house.freshness.refresh()
    assert house.table.signing.key is before


async def test_a_key_that_cannot_be_read_signs_nothing(house: House, keyring: Keyring) -> None:
    signing = Signing(Secrets(["x" * 32]))
    await load(house, signing)
    await load(house, signing)
    assert signing.key is None
    assert len(signing.published) == 2
