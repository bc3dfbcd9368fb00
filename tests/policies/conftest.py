"""What the tests of this room share."""

import pytest

from ostiary.policies.registry import Policies
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(["a key for tests only, long enough to be taken"])


@pytest.fixture
def policies(database: Database, clock: FakeClock) -> Policies:
    return Policies(database=database, clock=clock)
