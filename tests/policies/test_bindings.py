"""Bindings by id, to applications, flows and the places of stages."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ostiary.applications.bindings import BINDABLE as APPLICATIONS
from ostiary.applications.models import Application
from ostiary.directory.models import Group, User
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.flows.bindable import bindables
from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.flows.uses import Uses
from ostiary.kit.errors import Conflict, InvalidInput, NotFound, OstiaryError
from ostiary.policies.bindings import PolicyBindings
from ostiary.policies.models import PolicyBinding
from ostiary.policies.registry import Policies
from ostiary.storage.session import Database
from tests.clock import FakeClock

STAFF, ADA = ("group_id", "g"), ("user_id", 1)


@pytest.fixture
async def bindings(database: Database, clock: FakeClock) -> PolicyBindings:
    async with database.writing() as w:
        w.add_all([User(id=1, username="ada", created=clock.now()), Group(id="g", name="staff")])
        w.add(Application(id="a", slug="mail", name="Mail", access="everyone", created=clock.now()))
        w.add(Flow(id="f", slug="sign-in", name="", title="", designation="authentication"))
        w.add(Stage(id="s", name="ask", type="password", config={}))
        await w.flush()
        w.add(StageBinding(id="p", flow_id="f", stage_id="s", order=0))
    return PolicyBindings(database=database, clock=clock, bindable=(APPLICATIONS, *bindables(Uses())))


async def stored(database: Database) -> list[PolicyBinding]:
    async with database.reading() as r:
        return list(await r.scalars(select(PolicyBinding).order_by(PolicyBinding.order)))


async def told(database: Database) -> dict[str, object]:
    async with database.reading() as r:
        event = await r.scalar(select(Event).order_by(Event.id.desc()).limit(1))
    assert event is not None
    return {"action": event.action, **event.context}


@pytest.mark.parametrize(
    ("target", "words"),
    [("a", {"application": "mail"}), ("f", {"flow": "sign-in"}), ("p", {"stage_binding": "ask in sign-in"})],
)
async def test_anything_is_bound_to_anything_with_its_event(
    bindings: PolicyBindings, database: Database, target: str, words: dict[str, str]
) -> None:
    made = await bindings.create(target, STAFF, {"order": 3, "negate": True}, by=COMMAND)
    (binding,) = await stored(database)
    assert (binding.target_id, binding.group_id, binding.order, binding.negate) == (target, "g", 3, True)
    assert await told(database) == {
        "action": "model_created",
        "model": "policy_binding",
        "kind": "group",
        "name": "staff",
        "order": 3,
        "negate": True,
        **words,
    }
    await bindings.update(made.id, {"order": 4}, subject=ADA, by=COMMAND)
    (binding,) = await stored(database)
    assert (binding.group_id, binding.user_id, binding.order) == (None, 1, 4)
    assert (await told(database))["changes"] == {"kind": ["group", "user"], "name": ["staff", "ada"], "order": [3, 4]}
    await bindings.delete(made.id, by=COMMAND)
    assert await stored(database) == []
    assert (await told(database))["action"] == "model_deleted"


async def test_what_is_bound_to_an_application_closes_it(bindings: PolicyBindings, database: Database) -> None:
    async def access() -> str:
        async with database.reading() as r:
            return (await r.get_one(Application, "a")).access

    made = await bindings.create("f", STAFF, {}, by=COMMAND)
    assert await access() == "everyone"
    await bindings.update(made.id, {}, target="a", by=COMMAND)
    assert await access() == "bound"
    await bindings.update(made.id, {}, target="p", by=COMMAND)
    assert (await stored(database))[0].stage_binding_id == "p"
    assert await access() == "bound"


async def test_refusals(bindings: PolicyBindings, policies: Policies, clock: FakeClock) -> None:
    judge = await policies.make("password", "judge", {}, by=COMMAND)
    made = await bindings.create("a", STAFF, {}, by=COMMAND)
    other = await bindings.create("a", ADA, {}, by=COMMAND)
    cases: list[tuple[str, tuple[str, object], dict[str, object], type[OstiaryError], str, str]] = [
        ("x", STAFF, {}, InvalidInput, "binding.target_unknown", "target"),
        ("f", ("group_id", "x"), {}, InvalidInput, "binding.subject_unknown", "group"),
        ("f", ("user_id", 7), {}, InvalidInput, "binding.subject_unknown", "user"),
        ("f", ("policy_id", "x"), {}, InvalidInput, "binding.subject_unknown", "policy"),
        ("f", ("policy_id", judge.id), {}, InvalidInput, "binding.password_policy", "policy"),
        ("f", STAFF, {"order": -1}, InvalidInput, "binding.order_invalid", "order"),
        ("f", STAFF, {"timeout": -1}, InvalidInput, "binding.timeout_invalid", "timeout"),
        ("f", STAFF, {"expires": clock.now() - timedelta(1)}, InvalidInput, "binding.expires_past", "expires"),
        ("a", STAFF, {"order": 9}, Conflict, "binding.exists", "group"),
    ]
    for target, subject, fields, kind, code, field in cases:
        with pytest.raises(kind) as caught:
            await bindings.create(target, subject, fields, by=COMMAND)
        assert (caught.value.code, caught.value.field) == (code, field)
    with pytest.raises(Conflict):
        await bindings.update(other.id, {}, subject=STAFF, by=COMMAND)
    await bindings.update(made.id, {}, subject=STAFF, by=COMMAND)
    for attempt in (bindings.update("x", {}, by=COMMAND), bindings.delete("x", by=COMMAND)):
        with pytest.raises(NotFound):
            await attempt


async def test_a_policy_that_a_flow_asks_is_not_deleted(
    bindings: PolicyBindings, policies: Policies, database: Database
) -> None:
    made = await policies.create("p", "true", by=COMMAND)
    for target in ("f", "p"):
        binding = await bindings.create(target, ("policy_id", made.id), {}, by=COMMAND)
        with pytest.raises(Conflict) as caught:
            await policies.delete("p", by=COMMAND)
        assert caught.value.code == "policy.in_use"
        await bindings.delete(binding.id, by=COMMAND)
    await bindings.create("a", ("policy_id", made.id), {}, by=COMMAND)
    assert await policies.delete("p", by=COMMAND) == 1
    assert (await stored(database))[0].policy_id is None
