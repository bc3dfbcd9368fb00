from datetime import datetime, timedelta

import pytest

from ostiary.access.served import Rules
from ostiary.applications.path_secrets import PURPOSE
from ostiary.forwardauth.path_secrets import PathSecrets
from ostiary.storage.secrets import Secrets
from tests.clock import FakeClock

OLD = Secrets(["o" * 32])
SECRETS = Secrets(["k" * 32, "o" * 32])


def rules(*stored: tuple[str, datetime | None]) -> Rules:
    built = Rules("https://auth.example.com")
    built.path_secrets = stored
    return built


def test_nothing_is_demanded_until_one_is_in_force(clock: FakeClock) -> None:
    mine, now = PathSecrets(secrets=SECRETS), clock.now()
    kept = SECRETS.hash(PURPOSE, b"a" * 43)
    assert not mine.demanded(rules(), now)
    assert mine.demanded(rules((kept, None)), now)
    assert mine.demanded(rules((kept, now + timedelta(seconds=1))), now)
    assert not mine.demanded(rules((kept, now)), now)
    assert PathSecrets(secrets=SECRETS, configured=["s" * 32]).demanded(rules(), now)


def test_those_of_the_settings_and_the_stored_ones_are_good(clock: FakeClock) -> None:
    mine, now = PathSecrets(secrets=SECRETS, configured=["s" * 32, "t" * 32]), clock.now()
    stored = rules(
        (SECRETS.hash(PURPOSE, b"a" * 43), None),
        (OLD.hash(PURPOSE, b"b" * 43), None),
        (SECRETS.hash(PURPOSE, b"c" * 43), now + timedelta(hours=1)),
    )
    for good in (b"s" * 32, b"t" * 32, b"a" * 43, b"b" * 43, b"c" * 43):
        assert mine.genuine(stored, good, now)
    assert not mine.genuine(stored, b"c" * 43, now + timedelta(hours=1))


@pytest.mark.parametrize("given", [b"", b"a" * 42, b"a" * 44, b"A" * 43, b"a" * 43 + b"/", b"a" * 1000, b"\xff" * 43])
def test_anything_else_is_not(given: bytes, clock: FakeClock) -> None:
    mine = PathSecrets(secrets=SECRETS, configured=["s" * 32])
    assert not mine.genuine(rules((SECRETS.hash(PURPOSE, b"a" * 43), None)), given, clock.now())
