"""Brands and certificates kept in a file: applied twice, the second time nothing changes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ostiary.blueprints.apply import Outcome, Source
from ostiary.blueprints.entries import read
from ostiary.blueprints.registry import Blueprints
from ostiary.brands.models import Brand
from ostiary.events.record import COMMAND
from ostiary.objects.kinds import all_kinds
from ostiary.parts import Parts, build
from ostiary.settings.tree import Settings
from tests.keys.test_pem import made


def blueprints(parts: Parts) -> Blueprints:
    return Blueprints(database=parts.database, clock=parts.clock, kinds=all_kinds(parts), roles=parts.roles)


def file(*entries: dict[str, Any]) -> Source:
    return Source(read("a.yaml", json.dumps({"version": 1, "entries": list(entries)}).encode()))


def changed(outcome: Outcome) -> int:
    return len(outcome.changes)


@pytest.fixture
async def parts(database_url: str, tmp_path: Path) -> AsyncIterator[Parts]:
    given = {"secret_key": ["k" * 32], "database": {"url": database_url}, "data_dir": tmp_path}
    built = await build(Settings.model_validate(given))
    yield built
    await built.close()


async def test_a_certificate_and_its_key(parts: Parts) -> None:
    certificate, key = made()
    entry = {
        "model": "authentik_crypto.certificatekeypair",
        "identifiers": {"name": "mail"},
        "attrs": {"certificate_data": certificate, "key_data": key},
    }
    assert changed(await blueprints(parts).apply([file(entry)], by=COMMAND)) == 1
    assert changed(await blueprints(parts).plan([file(entry)], by=COMMAND)) == 0
    other = {**entry, "attrs": dict(zip(("certificate_data", "key_data"), made("other"), strict=True))}
    outcome = await blueprints(parts).plan([file(other)], by=COMMAND)
    assert changed(outcome) == 1
    assert "PRIVATE KEY" not in str(outcome)


async def test_a_brand_by_its_domain(parts: Parts) -> None:
    entry = {
        "model": "authentik_brands.brand",
        "identifiers": {"domain": "authentik-default"},
        "attrs": {"branding_title": "Acme", "branding_custom_css": "b { }"},
    }
    assert changed(await blueprints(parts).apply([file(entry)], by=COMMAND)) == 1
    assert changed(await blueprints(parts).plan([file(entry)], by=COMMAND)) == 0
    async with parts.database.reading() as r:
        assert list(await r.scalars(select(Brand.title))) == ["Acme"]
