import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.keys.certificates import Certificates, by_name, certificates
from ostiary.keys.models import CertificateKeyPair
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Reading
from tests.clock import FakeClock
from tests.keys.test_pem import made

SECRETS = Secrets(["k" * 32])


@pytest.fixture
def verbs(database: Database, clock: FakeClock) -> Certificates:
    return Certificates(database=database, clock=clock, secrets=SECRETS)


def given(name: str = "mail", **more: str) -> dict[str, str]:
    certificate, key = made()
    return {"name": name, "certificate_data": certificate, "key_data": key, **more}


async def events(database: Database) -> list[tuple[str, dict[str, Any]]]:
    async with database.reading() as r:
        return [(event.action, event.context) for event in await r.scalars(select(Event).order_by(Event.id))]


async def test_a_key_is_sealed_and_every_sight_of_it_recorded(verbs: Certificates, database: Database) -> None:
    certificate, key = made()
    row = await verbs.create(given(), by=COMMAND)
    async with database.reading() as r:
        stored = await by_name(r, "mail")
    assert stored.private is not None
    assert "PRIVATE" not in stored.private
    assert (stored.certificate, stored.key_type, stored.subject) == (certificate, "ec", "CN=mail.example.com")
    assert await verbs.reveal(row.id, by=COMMAND) == key
    assert [action for action, _ in await events(database)] == ["model_created", "secret_view"]
    assert "PRIVATE KEY" not in str(await events(database))
    # A sealed key that was moved to another row opens nothing there.
    other = await verbs.create(given("other"), by=COMMAND)
    async with database.writing() as w:
        (await w.get_one(CertificateKeyPair, other.id)).private = stored.private
    with pytest.raises(InvalidInput, match=r"secret\.unreadable"):
        await verbs.reveal(other.id, by=COMMAND)


async def test_a_certificate_needs_no_key_and_its_name_is_its_own(verbs: Certificates, database: Database) -> None:
    row = await verbs.create(given(key_data=""), by=COMMAND)
    assert await verbs.reveal(row.id, by=COMMAND) == ""
    with pytest.raises(Conflict, match=r"certificate\.name_taken"):
        await verbs.create(given(), by=COMMAND)
    with pytest.raises(Conflict, match=r"certificate\.name_taken.*common_name"):
        await verbs.generate("mail", validity_days=1, algorithm="ecdsa", by=COMMAND)
    for wrong in ({"name": ""}, {"name": "a\nb"}, {"certificate_data": 7}, {"managed": "x"}):
        with pytest.raises(InvalidInput, match=r"certificate\."):
            await verbs.create(given() | wrong, by=COMMAND)
    with pytest.raises(InvalidInput, match=r"certificate\.certificate_data_invalid"):
        await verbs.create({"name": "x"}, by=COMMAND)
    assert len(await events(database)) == 1


async def test_a_renewed_certificate_keeps_its_key_if_it_is_its_own(verbs: Certificates, database: Database) -> None:
    certificate, key = made()
    foreign = made("other")
    row = await verbs.create(given(), by=COMMAND)
    with pytest.raises(InvalidInput, match=r"certificate\.key_mismatch"):
        await verbs.update(row.id, {"name": "new", "certificate_data": foreign[0]}, by=COMMAND)
    assert (await verbs.update(row.id, {}, by=COMMAND)).name == "mail"
    await verbs.update(row.id, {"certificate_data": foreign[0], "key_data": foreign[1]}, by=COMMAND)
    assert await verbs.reveal(row.id, by=COMMAND) == foreign[1]
    await verbs.update(row.id, {"name": "new", "key_data": ""}, by=COMMAND)
    await verbs.update(row.id, {"certificate_data": certificate}, by=COMMAND)
    await verbs.update(row.id, {"key_data": key}, by=COMMAND)
    told = [context["changes"] for action, context in await events(database) if action == "model_updated"]
    assert [change.get("private") for change in told] == ["replaced", "removed", None, "given"]
    assert "PRIVATE KEY" not in str(told)
    with pytest.raises(NotFound, match=r"certificate\.not_found"):
        await verbs.update("none", {}, by=COMMAND)


async def test_what_is_generated_is_good_and_lets_others_work_meanwhile(
    verbs: Certificates, database: Database, clock: FakeClock
) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    beside = asyncio.create_task(others())
    row = await verbs.generate("gen.example.com", validity_days=10, names="gen.example.com", by=COMMAND)
    beside.cancel()
    assert turns > 3
    assert (row.key_type, row.expires) == ("rsa", clock.now() + timedelta(days=10))
    await verbs.update(row.id, {"key_data": await verbs.reveal(row.id, by=COMMAND)}, by=COMMAND)


async def test_each_certificate_is_spoken_of_three_times_before_it_ends(
    verbs: Certificates, database: Database, clock: FakeClock
) -> None:
    row = await verbs.generate("soon", validity_days=40, algorithm="ecdsa", by=COMMAND)
    await verbs.generate("late", validity_days=400, algorithm="ecdsa", by=COMMAND)
    told: list[int] = []
    found: list[dict[str, Any]] = []
    for _ in range(90):
        await verbs.watch()
        found = [context for action, context in await events(database) if action == "configuration_warning"]
        told.append(len(found))
        clock.advance(43_200)
    # Looked at twice a day: 30 days before, 7 and 1, and never again.
    assert [told.index(number) for number in (1, 2, 3)] == [20, 66, 78]
    assert told[-1] == 3
    assert {context["name"] for context in found} == {"soon"}
    # Renewed, it has a time of its own.
    new = await verbs.generate("x", validity_days=20, algorithm="ecdsa", by=COMMAND)
    await verbs.update(
        row.id, {"certificate_data": new.certificate, "key_data": await verbs.reveal(new.id, by=COMMAND)}, by=COMMAND
    )
    await verbs.watch()
    found = [context for action, context in await events(database) if action == "configuration_warning"]
    assert [context["name"] for context in found[3:]].count("soon") == 1


async def test_what_is_used_is_not_deleted(verbs: Certificates, database: Database) -> None:
    row = await verbs.create(given(), by=COMMAND)
    used = ["the outpost a"]

    async def users(r: Reading, certificate: CertificateKeyPair) -> Sequence[str]:
        return used if certificate.id == row.id else []

    verbs.users.append(users)
    with pytest.raises(Conflict, match=r"certificate\.in_use.*the outpost a"):
        await verbs.delete(row.id, by=COMMAND)
    used.clear()
    await verbs.delete(row.id, by=COMMAND)
    async with database.reading() as r:
        assert await certificates(r) == []


async def test_a_new_secret_key_seals_keys_anew(verbs: Certificates, database: Database, clock: FakeClock) -> None:
    row = await verbs.create(given(), by=COMMAND)
    newer = Certificates(database=database, clock=clock, secrets=Secrets(["n" * 32, "k" * 32]))
    await newer.watch()
    only = Certificates(database=database, clock=clock, secrets=Secrets(["n" * 32]))
    assert await only.reveal(row.id, by=COMMAND) == made()[1]
