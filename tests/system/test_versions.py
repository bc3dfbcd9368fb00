from ostiary.storage import installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from ostiary.system.versions import note, releases
from tests.clock import FakeClock


async def test_a_release_is_noted_at_its_first_start(database: Database, clock: FakeClock) -> None:
    for version in ("0.1.0", "0.1.0", "0.2.0", "0.1.0"):
        async with database.writing() as w:
            await installation.ensure(w, Secrets(["k" * 32]), clock)
            await note(w, clock, version)
    async with database.reading() as r:
        assert [release.version for release in await releases(r)] == ["0.1.0", "0.2.0", "0.1.0"]
