"""Blueprints make objects as they say, once, whole or not at all."""

from textwrap import dedent
from typing import Any

import pytest
from sqlalchemy import func, select

from ostiary.blueprints.apply import Outcome, Source
from ostiary.blueprints.document import BlueprintInvalid
from ostiary.blueprints.entries import read
from ostiary.blueprints.models import BlueprintInstance, BlueprintObject
from ostiary.blueprints.registry import Blueprints, owners
from ostiary.blueprints.report import as_json, lines
from ostiary.directory.models import Group
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.storage.session import Database
from tests.blueprints.kinds import blueprints
from tests.clock import FakeClock


@pytest.fixture
def room(database: Database, clock: FakeClock) -> Blueprints:
    return blueprints(database, clock)


def source(entries: str, file: str = "a.yaml", **more: Any) -> Source:
    return Source(read(file, f"version: 1\nentries:\n{dedent(entries)}".encode()), **more)


async def applied(room: Blueprints, entries: str, **more: Any) -> Outcome:
    return await room.apply([source(entries, **more)], by=COMMAND)


async def refused(room: Blueprints, entries: str) -> str:
    with pytest.raises(BlueprintInvalid) as caught:
        await applied(room, entries)
    return caught.value.message


async def groups(database: Database) -> dict[str, Group]:
    async with database.reading() as r:
        return {group.name: group for group in await r.scalars(select(Group))}


async def events(database: Database) -> int:
    async with database.reading() as r:
        return await r.scalar(select(func.count()).select_from(Event)) or 0


STAFF = """\
- model: authentik_core.group
  id: people
  identifiers: {name: people}
- model: authentik_core.group
  id: staff
  identifiers: {name: staff}
  attrs:
    parents: [!KeyOf people]
    attributes: {colour: red}
"""


async def test_objects_are_made_changed_only_where_they_differ_and_then_left(
    room: Blueprints, database: Database
) -> None:
    first = await applied(room, STAFF)
    assert [(change.action, change.name) for change in first.changes] == [("create", "people"), ("create", "staff")]
    made = await groups(database)
    before = await events(database)
    again = await applied(room, STAFF)
    assert (again.changes, again.unchanged) == ([], 2)
    assert await events(database) == before, "applying what is there already writes no event"
    changed = await applied(room, STAFF.replace("red", "blue"))
    assert [change.name for change in changed.changes] == ["staff"]
    assert [vars_of(field) for field in changed.changes[0].fields] == [("attributes.colour", "red", "blue")]
    after = await groups(database)
    assert {name: group.id for name, group in after.items()} == {name: group.id for name, group in made.items()}
    assert after["staff"].attributes == {"colour": "blue"}


def vars_of(field: Any) -> tuple[Any, ...]:
    return field.name, field.old, field.new


async def test_a_plan_is_what_would_be_and_leaves_nothing(room: Blueprints, database: Database) -> None:
    planned = await room.plan([source(STAFF)], by=COMMAND)
    assert await groups(database) == {}
    assert await events(database) == 0
    really = await applied(room, STAFF)
    assert list(lines(planned)) == list(lines(really))
    assert as_json(planned)["changes"][0] == as_json(really)["changes"][0]
    assert "\n".join(lines(really)).startswith("+ authentik_core.group people  (a.yaml:3)\n")


async def test_the_states_are_kept(room: Blueprints, database: Database) -> None:
    entry = "- {{model: authentik_core.group, state: {}, identifiers: {{name: a}}, attrs: {{attributes: {{n: {}}}}}}}\n"
    assert len((await applied(room, entry.format("must_created", 1))).changes) == 1
    assert "It exists already" in await refused(room, entry.format("must_created", 1))
    assert (await applied(room, entry.format("created", 2))).changes == []
    assert (await groups(database))["a"].attributes == {"n": 1}
    assert len((await applied(room, entry.format("present", 3))).changes) == 1
    gone = await applied(room, entry.format("absent", 4))
    assert [(change.action, change.name) for change in gone.changes] == [("delete", "a")]
    assert (await applied(room, entry.format("absent", 4))).changes == []
    assert await groups(database) == {}
    assert "It is one of present, created, must_created, absent." in await refused(room, entry.format("there", 4))


async def test_one_fault_undoes_everything(room: Blueprints, database: Database) -> None:
    message = await refused(
        room,
        STAFF
        + """\
- model: authentik_core.group
  identifiers:
    name: a|b
""",
    )
    assert message == (
        "a.yaml:14: entry 3 (authentik_core.group), attrs.name: "
        "A group's name is not empty and holds no |; choose another."
    )
    assert await groups(database) == {}
    assert await events(database) == 0


async def test_several_files_are_one_transaction_with_ids_of_their_own(room: Blueprints, database: Database) -> None:
    with pytest.raises(BlueprintInvalid, match="!KeyOf people"):
        await room.apply([source(STAFF), source(STAFF[STAFF.index("- model", 5) :], "b.yaml")], by=COMMAND)
    assert await groups(database) == {}
    staff = "!Find [authentik_core.group, [name, staff]]"
    found = f"- {{model: authentik_core.group, identifiers: {{name: x}}, attrs: {{parents: [{staff}]}}}}"
    await room.apply([source(STAFF), source(found, "b.yaml")], by=COMMAND)
    assert set(await groups(database)) == {"people", "staff", "x"}


GONE = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("model", "rest", "said"),
    [
        (
            "grup",
            "identifiers: {name: a}",
            "model: There is no model authentik_core.grup; authentik_core.group is meant?",
        ),
        ("group", "attrs: {}", "identifiers: They are empty"),
        ("group", "identifiers: {colour: red}", "identifiers.colour: A group is found by pk, name."),
        ("group", "identifiers: {name: 5}", "identifiers.name: It is a text."),
        ("group", "identifiers: {name: a}, attrs: {colour: red}", "attrs.colour: A group has no such field."),
        (
            "group",
            "identifiers: {name: a}, attrs: {is_superuser: often}",
            "attrs.is_superuser: Input should be a valid",
        ),
        ("group", f"identifiers: {{pk: {GONE}}}", "attrs.name: It is required and missing."),
        ("group", "identifiers: {name: a}, attrs: {parents: [gone]}", "There is no group of that id."),
    ],
)
async def test_what_an_entry_cannot_mean_is_told_with_its_field(
    room: Blueprints, model: str, rest: str, said: str
) -> None:
    message = await refused(room, f"- {{model: authentik_core.{model}, {rest}}}\n")
    assert message.startswith("a.yaml:3: entry 1")
    assert said in message


async def test_every_fault_of_an_objects_fields_has_its_line(room: Blueprints) -> None:
    message = await refused(
        room,
        """\
        - model: authentik_core.group
          identifiers:
            name: a
          attrs:
            is_superuser: maybe
            parents:
              - 5
        """,
    )
    assert [line.split(": ")[:2] for line in message.split("\n")] == [
        ["a.yaml:7", "entry 1 (authentik_core.group), attrs.is_superuser"],
        ["a.yaml:8", "entry 1 (authentik_core.group), attrs.parents.0"],
    ]


async def test_conditions_leave_entries_out(room: Blueprints, database: Database) -> None:
    await applied(
        room,
        """\
        - {model: authentik_core.group, identifiers: {name: a}, conditions: [true, !Condition [AND, x, 1]]}
        - {model: authentik_core.group, identifiers: {name: b}, conditions: [true, !Context nothing]}
        """,
    )
    assert set(await groups(database)) == {"a"}


async def test_primary_keys_of_another_installation_become_ours(room: Blueprints, database: Database) -> None:
    theirs = "11111111-1111-4111-8111-111111111111"
    text = f"""\
        - {{model: authentik_core.group, identifiers: {{pk: {theirs}}}, attrs: {{name: a}}}}
        - {{model: authentik_core.group, identifiers: {{name: b}}, attrs: {{parents: [{theirs}]}}}}
        """
    await applied(room, text)
    made = await groups(database)
    assert set(made) == {"a", "b"}
    assert made["a"].id != theirs
    assert (await applied(room, text.replace("{pk:", "{name: a, pk:"))).changes == []


async def test_secrets_are_not_shown(room: Blueprints) -> None:
    text = """\
        - model: authentik_core.group
          identifiers: {name: a}
          attrs: {attributes: {password: hunter2, deep: [{api_token: hunter2}], plain: seen}}
        """
    first = await applied(room, text)
    second = await applied(room, text.replace("hunter2", "hunter3"))
    for outcome in (first, second):
        told = "\n".join(lines(outcome)) + str(as_json(outcome))
        assert "hunter" not in told
        assert "attributes" in told
    assert [field.name for field in second.changes[0].fields] == ["attributes.deep", "attributes.password"]


async def test_a_terminal_obeys_no_name(room: Blueprints) -> None:
    told = "\n".join(
        lines(
            await applied(
                room,
                r'- {model: authentik_core.group, identifiers: {name: a}, attrs: {attributes: {a: "\e[31m\n+ b"}}}',
            )
        )
    )
    assert "\x1b" not in told


async def test_objects_are_marked_with_their_blueprint(room: Blueprints, database: Database) -> None:
    await applied(room, "- {model: authentik_core.group, identifiers: {name: mine}}")
    text = STAFF + "- {model: authentik_core.group, state: created, identifiers: {name: mine}}\n"
    text += "- {model: authentik_core.group, state: created, identifiers: {name: once}}\n"
    for _ in range(2):
        await room.apply([source(text, "b.yaml")], by=COMMAND)
    made = await groups(database)
    async with database.reading() as r:
        names = {group.id: name for name, group in made.items()}
        found = await owners(r, "authentik_core.group", [group.id for group in made.values()])
        assert {names[pk]: blueprints for pk, blueprints in found.items()} == {
            "people": [("b.yaml", True)],
            "staff": [("b.yaml", True)],
            "once": [("b.yaml", False)],
            "mine": [("a.yaml", True)],
        }
    await room.apply(
        [source("- {model: authentik_core.group, state: absent, identifiers: {name: staff}}", "b.yaml")], by=COMMAND
    )
    async with database.reading() as r:
        assert await owners(r, "authentik_core.group", [made["staff"].id]) == {}
        rows = {row.name: row for row in await r.scalars(select(BlueprintInstance))}
        assert (rows["b.yaml"].status, rows["b.yaml"].path, len(rows["b.yaml"].last_applied_hash)) == (
            "successful",
            "b.yaml",
            128,
        )
        assert await r.scalar(select(func.count()).select_from(BlueprintObject)) == 1


async def test_another_blueprint_is_named_only_if_it_was_applied(room: Blueprints) -> None:
    entry = "- {{model: authentik_blueprints.metaapplyblueprint, attrs: {{identifiers: {{name: {}}}, required: {}}}}}"
    assert "has not been applied" in await refused(room, entry.format("b.yaml", "true"))
    await applied(room, entry.format("b.yaml", "false"))
    await room.apply([source(STAFF, "b.yaml")], by=COMMAND)
    assert (await applied(room, entry.format("b.yaml", "true"))).changes == []


ROLES = """\
- model: authentik_rbac.role
  id: helpers
  identifiers: {name: helpers}
  attrs:
    permissions: [authentik_core.view_user, authentik_core.view_group]
- model: authentik_core.group
  identifiers: {name: staff}
  permissions:
    - permission: change_group
      role: !KeyOf helpers
"""


async def test_roles_and_what_they_may_do_to_one_object(room: Blueprints, database: Database) -> None:
    first = await applied(room, ROLES)
    assert [
        (change.name, field.new) for change in first.changes for field in change.fields if field.name == "permissions"
    ] == [
        ("helpers", ["authentik_core.view_group", "authentik_core.view_user"]),
        ("staff", ["authentik_core.change_group (helpers)"]),
    ]
    assert (await applied(room, ROLES)).changes == []
    fewer = await applied(room, ROLES.replace(", authentik_core.view_group", ""))
    assert [vars_of(field) for field in fewer.changes[0].fields] == [
        ("permissions", ["authentik_core.view_group", "authentik_core.view_user"], ["authentik_core.view_user"])
    ]
    assert "entry 2 (authentik_core.group), permissions: " in await refused(room, ROLES.replace("change_group", "fly"))
    assert "A permission is given to a role" in await refused(room, ROLES.replace("role: !KeyOf helpers", "user: 5"))
