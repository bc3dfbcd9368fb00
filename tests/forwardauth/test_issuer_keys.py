import asyncio
import json
from datetime import timedelta

import pytest

from ostiary.forwardauth.issuer_keys import AGAIN, FRESH, USABLE, IssuerKeys
from ostiary.kit.errors import Unavailable
from ostiary.kit.jose import SigningKey
from tests.clock import FakeClock

URI = "https://issuer.example/jwks"


class Issuer:
    """Serves one key, or nothing."""

    def __init__(self) -> None:
        self.document: bytes | None = json.dumps({"keys": [SigningKey.generate().public()]}).encode()
        self.asked = 0
        self.wait = asyncio.Event()
        self.wait.set()

    async def fetch(self, uri: str) -> bytes:
        assert uri == URI
        self.asked += 1
        await self.wait.wait()
        if self.document is None:
            raise Unavailable("outgoing.unreachable", "It does not answer.")
        return self.document


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def keys(issuer: Issuer, clock: FakeClock) -> IssuerKeys:
    return IssuerKeys(fetch=issuer.fetch, now=clock.now)


async def test_a_key_set_is_asked_for_once_in_ten_minutes(keys: IssuerKeys, issuer: Issuer, clock: FakeClock) -> None:
    assert keys.of(URI, clock.now()) is None
    assert keys.wanted(URI, clock.now())
    await keys.refresh(URI)
    assert keys.of(URI, clock.now()) is not None
    clock.advance(FRESH.total_seconds() - 1)
    assert not keys.wanted(URI, clock.now())
    clock.advance(1)
    assert keys.wanted(URI, clock.now())
    await keys.refresh(URI)
    assert issuer.asked == 2


async def test_an_unknown_key_asks_again_once_a_minute(keys: IssuerKeys, clock: FakeClock) -> None:
    await keys.refresh(URI)
    assert not keys.wanted(URI, clock.now(), unknown_key=True)
    clock.advance(AGAIN.total_seconds())
    assert keys.wanted(URI, clock.now(), unknown_key=True)
    assert not keys.wanted(URI, clock.now())


async def test_who_asks_meanwhile_waits_for_the_same_answer(keys: IssuerKeys, issuer: Issuer, clock: FakeClock) -> None:
    issuer.wait.clear()
    waiting = [asyncio.create_task(keys.refresh(URI)) for _ in range(5)]
    await asyncio.sleep(0)
    assert keys.wanted(URI, clock.now())
    issuer.wait.set()
    await asyncio.gather(*waiting)
    assert issuer.asked == 1


async def test_whoever_gives_up_waiting_leaves_it_to_the_next(
    keys: IssuerKeys, issuer: Issuer, clock: FakeClock
) -> None:
    issuer.wait.clear()
    first, second = asyncio.create_task(keys.refresh(URI)), asyncio.create_task(keys.refresh(URI))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    issuer.wait.set()
    await second
    assert keys.of(URI, clock.now()) is not None


@pytest.mark.parametrize("document", [None, b"no keys", b'{"keys": []}', b"[" * 100_000])
async def test_what_is_known_is_used_for_an_hour_when_the_issuer_fails(
    document: bytes | None, keys: IssuerKeys, issuer: Issuer, clock: FakeClock
) -> None:
    await keys.refresh(URI)
    issuer.document = document
    clock.advance(FRESH.total_seconds())
    await keys.refresh(URI)
    assert not keys.wanted(URI, clock.now())
    assert keys.of(URI, clock.now()) is not None
    clock.advance((USABLE - FRESH - timedelta(seconds=1)).total_seconds())
    assert keys.of(URI, clock.now()) is not None
    clock.advance(1)
    assert keys.of(URI, clock.now()) is None
    assert keys.wanted(URI, clock.now())
