"""Blueprints over the real kinds of a whole installation."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.blueprints.apply import Outcome, Source
from ostiary.blueprints.entries import read
from ostiary.blueprints.export import Export, declarative
from ostiary.blueprints.references import APART
from ostiary.blueprints.registry import Blueprints
from ostiary.blueprints.report import as_json
from ostiary.blueprints.values import Outside
from ostiary.directory.passwords import Passwords
from ostiary.events.record import COMMAND
from ostiary.keys.certificates import certificates
from ostiary.objects.kind import Kind
from ostiary.objects.kinds import all_kinds
from ostiary.parts import Parts, build
from ostiary.settings.tree import Settings
from tests.lint.rules import ROOT

EXAMPLES = sorted((ROOT / "examples" / "blueprints").glob("*.yaml"))
PEOPLE = """\
version: 1
entries:
  - model: authentik_rbac.role
    id: helpers
    identifiers: {name: helpers}
    attrs: {permissions: [authentik_core.view_user]}
  - model: authentik_core.group
    id: people
    identifiers: {name: people}
    attrs: {attributes: {colour: red}, roles: [!KeyOf helpers]}
  - model: authentik_core.group
    id: staff
    identifiers: {name: staff}
    attrs: {parents: [!KeyOf people], is_superuser: true}
  - model: authentik_core.user
    id: jane
    identifiers: {username: Jane}
    attrs:
      name: Jane
      email: Jane@Example.com
      groups: [!KeyOf staff]
      roles: [!KeyOf helpers]
      attributes: {pin: 1}
      password: !Env [JANE_PASSWORD, a good password]
    permissions: [{permission: view_user, role: !KeyOf helpers}]
  - model: authentik_core.token
    identifiers: {identifier: jane-token}
    attrs: {user: !KeyOf jane, expiring: false, key: !Env [JANE_KEY, 0123456789012345678901234567890123456789]}
  - model: authentik_policies_expression.expressionpolicy
    id: office
    identifiers: {name: office-hours}
    attrs: {expression: "now.getHours() < 18"}
  - model: authentik_core.application
    id: lamp
    identifiers: {slug: lamp}
    attrs: {name: Lamp}
  - model: authentik_policies.policybinding
    identifiers: {target: !KeyOf lamp, policy: !KeyOf office, order: 0}
  - model: authentik_policies.policybinding
    identifiers: {target: !KeyOf lamp, user: !KeyOf jane, order: 1}
  - model: authentik_providers_oauth2.scopemapping
    identifiers: {name: team}
    attrs: {scope_name: X-Team, expression: user.email}
"""


async def opened(url: str) -> Parts:
    parts = await build(
        Settings.model_validate(
            {"secret_key": ["k" * 32], "database": {"url": url}, "web": {"base_url": "https://auth.example.com"}}
        )
    )
    vars(parts.passwords).update(vars(Passwords(memory_kib=64, passes=1)))
    return parts


@pytest.fixture
async def parts(database_url: str) -> AsyncIterator[Parts]:
    """A new installation on each kind of database in turn."""
    built = await opened(database_url)
    yield built
    await built.close()


@pytest.fixture
async def second(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Parts]:
    """Another new installation."""
    shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "second.sqlite3")
    built = await opened(f"sqlite:///{tmp_path / 'second.sqlite3'}")
    yield built
    await built.close()


def room(parts: Parts) -> Blueprints:
    return Blueprints(database=parts.database, clock=parts.clock, roles=parts.roles, kinds=all_kinds(parts))


def sources(*texts: str, **environment: str) -> list[Source]:
    return [
        Source(read(f"{number}.yaml", text.encode()), Outside(environment=environment))
        for number, text in enumerate(texts)
    ]


async def fill(parts: Parts) -> Outcome:
    async with parts.database.reading() as r:
        fresh = not await certificates(r)
    if fresh:
        await parts.certificates.generate("wiki.example.com", validity_days=30, algorithm="ecdsa", by=COMMAND)
    texts = [file.read_text() for file in EXAMPLES]
    return await room(parts).apply(sources(PEOPLE, *texts), by=COMMAND)


async def exported(parts: Parts) -> str:
    async with parts.database.reading() as r:
        return await Export(all_kinds(parts)).written(r)


async def test_what_is_exported_changes_nothing_where_it_came_from(parts: Parts) -> None:
    first = await fill(parts)
    assert first.changes
    assert (await fill(parts)).changes == []
    planned = await room(parts).plan(sources(await exported(parts)), by=COMMAND)
    assert as_json(planned)["changes"] == []


async def test_what_is_exported_makes_the_same_elsewhere(parts: Parts, second: Parts) -> None:
    await fill(parts)
    text = await exported(parts)
    await room(second).apply(sources(text), by=COMMAND)
    assert await exported(second) == text


async def test_an_export_holds_each_object_once_and_no_secret(parts: Parts) -> None:
    await fill(parts)
    text = await exported(parts)
    ids = [line for line in text.split("\n") if line.startswith("  id: ")]
    assert len(ids) == len(set(ids)) > 10
    assert "0123456789" not in text
    assert "a good password" not in text
    assert "    # password is a secret and left out\n" in text
    assert "    # key is a secret and left out\n" in text
    assert "BEGIN CERTIFICATE" in text
    assert "PRIVATE KEY" not in text


async def test_passwords_and_keys_are_set_once_and_never_shown(parts: Parts) -> None:
    await fill(parts)
    assert (await room(parts).plan(sources(PEOPLE), by=COMMAND)).changes == []
    outcome = await room(parts).apply(sources(PEOPLE, JANE_PASSWORD="another password", JANE_KEY="k" * 40), by=COMMAND)
    told: Any = [
        (change["name"], field["name"], field["old"], field["new"])
        for change in as_json(outcome)["changes"]
        for field in change["fields"]
    ]
    assert told == [("Jane", "password", "(secret)", "(secret)"), ("jane-token", "key", "(secret)", "(secret)")]
    async with parts.database.reading() as r:
        assert await parts.tokens.find(r, "k" * 40, intent="api") is not None
    assert (
        await room(parts).plan(sources(PEOPLE, JANE_PASSWORD="another password", JANE_KEY="k" * 40), by=COMMAND)
    ).changes == []


def test_every_model_that_can_be_made_can_be_declared(parts: Parts) -> None:
    kinds = all_kinds(parts)
    for label, kind in kinds.items():
        if type(kind).create is not Kind.create and label not in APART:
            assert declarative(kind)
            assert kind.identifiers, f"{label} cannot be found again by what people call it"


async def test_the_worked_example_is_one_application_with_provider_group_and_binding(parts: Parts) -> None:
    example = (ROOT / "examples" / "blueprints" / "wiki.yaml").read_text()
    outcome = await room(parts).apply(sources(example), by=COMMAND)
    assert [(change.action, change.model, change.name) for change in outcome.changes] == [
        ("create", "authentik_core.group", "wiki-writers"),
        ("create", "authentik_providers_proxy.proxyprovider", "wiki"),
        ("create", "authentik_core.application", "Wiki"),
        ("create", "authentik_policies.policybinding", "Wiki → wiki-writers"),
    ]
    assert (await room(parts).plan(sources(example), by=COMMAND)).changes == []
    moved = await room(parts).plan(sources(example.replace("example.com", "example.org")), by=COMMAND)
    assert [[vars_of(field) for field in change.fields] for change in moved.changes] == [
        [("external_host", "https://wiki.example.com", "https://wiki.example.org")]
    ]


def vars_of(field: Any) -> tuple[Any, ...]:
    return field.name, field.old, field.new
