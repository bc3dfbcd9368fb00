from datetime import timedelta

import pytest

from ostiary.applications.bindings import LOST, Bound, Target, bindings_of
from ostiary.applications.registry import existing
from ostiary.directory.models import Group, User
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput, NotFound, OstiaryError
from ostiary.policies.engine import Kind
from tests.applications.conftest import House

STAFF, BOB = Target(Kind.GROUP, "staff"), Target(Kind.USER, "Bob")


async def bound(house: House) -> tuple[str, list[Bound]]:
    async with house.database.reading() as r:
        application = (await existing(r, "hello")).application
        return application.access, list(await bindings_of(r, application.id))


@pytest.fixture
async def hello(house: House) -> House:
    await house.applications.create("hello", access="everyone", by=COMMAND)
    return house


async def test_the_first_binding_closes_what_was_open(hello: House) -> None:
    assert (await bound(hello))[0] == "everyone"
    await hello.bindings.put("hello", STAFF, by=COMMAND)
    assert (await bound(hello))[0] == "bound"


async def test_a_binding_added_to_what_was_opened_again_closes_it(hello: House) -> None:
    await hello.bindings.put("hello", STAFF, by=COMMAND)
    await hello.applications.update("hello", {"access": "everyone"}, by=COMMAND)
    await hello.bindings.put("hello", BOB, by=COMMAND)
    assert (await bound(hello))[0] == "bound"


async def test_taking_the_last_one_away_opens_nothing(hello: House) -> None:
    await hello.bindings.put("hello", STAFF, by=COMMAND)
    await hello.bindings.put("hello", BOB, by=COMMAND)
    await hello.bindings.remove("hello", STAFF, by=COMMAND)
    await hello.bindings.remove("hello", BOB, by=COMMAND)
    assert await bound(hello) == ("bound", [])


@pytest.mark.parametrize("gone", ["group", "user", "policy"])
async def test_whatever_disappears_opens_nothing(hello: House, gone: str) -> None:
    await hello.policies.create("p", "true", by=COMMAND)
    target = {"group": STAFF, "user": BOB, "policy": Target(Kind.POLICY, "p")}[gone]
    await hello.bindings.put("hello", target, by=COMMAND)
    async with hello.database.writing() as w:
        if gone == "group":
            await w.delete(await w.get_one(Group, "id-staff"))
        elif gone == "user":
            await w.delete(await w.get_one(User, 1))
    if gone == "policy":
        assert await hello.policies.delete("p", by=COMMAND) == 1
    access, left = await bound(hello)
    assert (access, [entry.target for entry in left]) == ("bound", [LOST])
    with pytest.raises(InvalidInput):
        await hello.bindings.put("hello", LOST, by=COMMAND)
    await hello.bindings.remove("hello", LOST, by=COMMAND)
    assert await bound(hello) == ("bound", [])


async def test_order_negate_enabled_and_expiry_are_kept_and_changed(hello: House) -> None:
    ends = hello.clock.now() + timedelta(days=1)
    await hello.bindings.put("hello", STAFF, order=5, negate=True, expires=ends, by=COMMAND)
    await hello.bindings.put("hello", BOB, order=2, enabled=False, by=COMMAND)
    _, entries = await bound(hello)
    assert [
        (e.target.name, e.binding.order, e.binding.negate, e.binding.enabled, e.binding.expires) for e in entries
    ] == [
        ("bob", 2, False, False, None),
        ("staff", 5, True, True, ends),
    ]
    await hello.bindings.put("hello", STAFF, order=1, by=COMMAND)
    _, entries = await bound(hello)
    assert [(e.target.name, e.binding.order, e.binding.negate) for e in entries] == [
        ("staff", 1, True),
        ("bob", 2, False),
    ]
    assert await hello.events() == [
        ("model_created", "application"),
        ("model_created", "policy_binding"),
        ("model_created", "policy_binding"),
        ("model_updated", "policy_binding"),
    ]


async def test_refusals(hello: House) -> None:
    now = hello.clock.now()
    for target, fields, code in (
        (STAFF, {"order": -1}, "binding.order_invalid"),
        (STAFF, {"order": 2**40}, "binding.order_invalid"),
        (STAFF, {"expires": now}, "binding.expires_past"),
        (Target(Kind.GROUP, "nobody"), {}, "group.not_found"),
        (Target(Kind.USER, "nobody"), {}, "user.not_found"),
        (Target(Kind.POLICY, "nobody"), {}, "policy.not_found"),
    ):
        with pytest.raises(OstiaryError) as caught:
            await hello.bindings.put("hello", target, **fields, by=COMMAND)
        assert caught.value.code == code
    with pytest.raises(NotFound) as missing:
        await hello.bindings.put("none", STAFF, by=COMMAND)
    assert missing.value.code == "application.not_found"
    with pytest.raises(NotFound) as unbound:
        await hello.bindings.remove("hello", STAFF, by=COMMAND)
    assert (unbound.value.code, unbound.value.field) == ("binding.not_found", "group")
    assert await bound(hello) == ("everyone", [])


async def test_several_are_bound_and_unbound_together_or_not_at_all(hello: House) -> None:
    nobody = Target(Kind.GROUP, "nobody")
    with pytest.raises(NotFound):
        await hello.bindings.put("hello", STAFF, nobody, by=COMMAND)
    assert await bound(hello) == ("everyone", [])
    await hello.bindings.put("hello", STAFF, BOB, by=COMMAND)
    with pytest.raises(NotFound):
        await hello.bindings.remove("hello", STAFF, nobody, by=COMMAND)
    assert len((await bound(hello))[1]) == 2
    await hello.bindings.remove("hello", STAFF, BOB, by=COMMAND)
    assert await bound(hello) == ("bound", [])
