import pytest

from ostiary.applications.registry import Applications
from ostiary.events.record import COMMAND
from ostiary.outposts import embedded
from ostiary.outposts.connections import ServiceConnections
from ostiary.outposts.registry import Outposts
from ostiary.storage import installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(["k" * 32])


@pytest.fixture
async def outposts(database: Database, clock: FakeClock, secrets: Secrets) -> Outposts:
    async with database.writing() as w:
        await installation.ensure(w, secrets, clock)
        await embedded.ensure(w)
    return Outposts(database=database, clock=clock)


@pytest.fixture
def connections(database: Database, clock: FakeClock, secrets: Secrets) -> ServiceConnections:
    return ServiceConnections(database=database, clock=clock, secrets=secrets)


@pytest.fixture
async def provider_id(database: Database, clock: FakeClock) -> int:
    applications = Applications(database=database, clock=clock, base_url=None)
    made = await applications.add_proxied(
        "hello", access="everyone", proxy={"external_host": "https://hello.example.com"}, by=COMMAND
    )
    assert made.provider is not None
    return made.provider.id
