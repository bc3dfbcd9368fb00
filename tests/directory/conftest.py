from collections.abc import Iterator

import pytest

from ostiary.directory.groups import Groups
from ostiary.directory.passwords import Passwords
from ostiary.directory.roles import Roles
from ostiary.directory.tokens import Tokens
from ostiary.directory.users import Users
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(["a key for tests only, long enough to be taken"])


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """Cheap ones: what is tested with them is not their cost."""
    pool = Passwords(threads=2, memory_kib=64, passes=1)
    yield pool
    pool.close()


@pytest.fixture
def users(database: Database, clock: FakeClock, passwords: Passwords) -> Users:
    return Users(database=database, clock=clock, passwords=passwords)


@pytest.fixture
def groups(database: Database, clock: FakeClock) -> Groups:
    return Groups(database=database, clock=clock)


@pytest.fixture
def tokens(database: Database, clock: FakeClock, secrets: Secrets) -> Tokens:
    return Tokens(database=database, clock=clock, secrets=secrets)


@pytest.fixture
def roles(database: Database, clock: FakeClock) -> Roles:
    return Roles(database=database, clock=clock)
