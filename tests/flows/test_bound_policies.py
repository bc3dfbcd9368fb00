"""What is bound to flows and to the places of stages, and what it does to those who run them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from ostiary.directory.credentials import Attempt
from ostiary.directory.groups import Groups
from ostiary.directory.models import Group
from ostiary.directory.users import by_username
from ostiary.events.record import COMMAND
from ostiary.flows.bindable import bindables
from ostiary.flows.bound_policies import BoundPolicies
from ostiary.flows.executor import Denied, Executor, Finished, Outcome, Shown
from ostiary.flows.intent import Intent
from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.flows.run import Visitor
from ostiary.flows.uses import Uses
from ostiary.kit.errors import Conflict, Refused
from ostiary.policies.bindings import PolicyBindings
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.policies.registry import Policies
from ostiary.policies.reputation import Reputation
from ostiary.sessions.lifecycle import LiveSession
from ostiary.storage.base import new_id
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import PASSWORD, House, house

MINE = b"m" * 32
STRANGER = Visitor(client_ip="192.0.2.1", own_ip="192.0.2.1")
SIGN_IN = "default-authentication-flow"
CONSENT = "default-provider-authorization-implicit-consent"
BROKEN = "1 / 0 == 1"


class Door:
    """A house whose flows ask what is bound to them. Ada is in staff. Name and password are asked one by one."""

    def __init__(self, built: House) -> None:
        self.house, self.clock, self.database = built, built.clock, built.database
        self.policies = Policies(database=built.database, clock=built.clock)
        self.reputation = Reputation(database=built.database, clock=built.clock, secrets=built.secrets)
        conditions = BoundPolicies(database=built.database, clock=built.clock, reputation=self.reputation)
        self.uses = Uses(conditions=conditions)
        self.bindings = PolicyBindings(database=built.database, clock=built.clock, bindable=bindables(self.uses))
        self.executor = Executor(
            database=built.database,
            clock=built.clock,
            secrets=built.secrets,
            stages=built.stages,
            conditions=conditions,
        )

    async def flow(self, slug: str) -> str:
        async with self.database.reading() as r:
            return str(await r.scalar(select(Flow.id).where(Flow.slug == slug)))

    async def place(self, stage_type: str) -> str:
        query = (
            select(StageBinding.id)
            .join(Stage, Stage.id == StageBinding.stage_id)
            .join(Flow, Flow.id == StageBinding.flow_id)
            .where(Stage.type == stage_type, Flow.slug == SIGN_IN)
        )
        async with self.database.reading() as r:
            return str(await r.scalar(query))

    async def put(self, stage_type: str, order: int) -> str:
        """Another stage in the sign-in flow."""
        flow_id = await self.flow(SIGN_IN)
        async with self.database.writing() as w:
            stage = Stage(name=f"{stage_type} {order}", type=stage_type, config={"deny_message": "Not you."})
            w.add(stage)
            await w.flush()
            binding = StageBinding(flow_id=flow_id, stage_id=stage.id, order=order)
            w.add(binding)
        return binding.id

    async def policy(self, expression: str) -> tuple[str, str]:
        made = await self.policies.create(new_id(), expression, by=COMMAND)
        return "policy_id", made.id

    async def bind(self, target: str, subject: tuple[str, Any], **fields: Any) -> str:
        return (await self.bindings.create(target, subject, fields, by=COMMAND)).id

    async def begin(self, slug: str = SIGN_IN, visitor: Visitor = STRANGER) -> Outcome:
        return await self.executor.begin(await self.executor.plan(slug), Intent(), visitor, MINE)

    async def say(self, outcome: Outcome, **fields: str) -> Outcome:
        assert isinstance(outcome, Shown)
        return await self.executor.answer(outcome.run, fields, STRANGER, MINE)

    async def signed_in(self, username: str) -> Visitor:
        login = await self.login(username)
        async with self.database.reading() as r:
            live = await self.house.sessions.find(r, login)
        assert isinstance(live, LiveSession)
        return Visitor(client_ip="192.0.2.1", own_ip="192.0.2.1", session=live)

    async def login(self, username: str) -> str:
        outcome = await self.say(await self.begin(), uid_field=username)
        outcome = await self.say(outcome, password=PASSWORD)
        assert isinstance(outcome, Finished)
        return outcome.effects.login or ""


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[Door]:
    async with house(database, clock) as built:
        groups = Groups(database=database, clock=clock)
        group = await groups.create("staff", by=COMMAND)
        async with database.reading() as r:
            ada = await by_username(r, "ada")
        await groups.add_member(group.id, ada.id, by=COMMAND)
        async with database.writing() as w:
            await w.execute(update(Stage).where(Stage.type == "identification").values(config={}))
        yield Door(built)


async def staff(door: Door) -> tuple[str, str]:
    async with door.database.reading() as r:
        return "group_id", str(await r.scalar(select(Group.id).where(Group.name == "staff")))


def kind(outcome: Outcome) -> str:
    if isinstance(outcome, Shown):
        return outcome.question.template.removeprefix("flows/").removesuffix(".html")
    if isinstance(outcome, Finished):
        return "in" if outcome.effects.login else "finished"
    return "denied"


async def test_a_flow_is_for_those_who_are_bound_to_it(door: Door) -> None:
    ada, bob = await door.signed_in("ada"), await door.signed_in("bob")
    assert [kind(await door.begin(CONSENT, who)) for who in (ada, bob)] == ["finished", "finished"]
    await door.bind(await door.flow(CONSENT), await staff(door))
    outcomes = [await door.begin(CONSENT, who) for who in (ada, bob, STRANGER)]
    assert [kind(outcome) for outcome in outcomes] == ["finished", "denied", "denied"]
    assert isinstance(outcomes[1], Denied)
    assert outcomes[1].at_once
    assert "staff" not in outcomes[1].message


async def test_what_errs_denies_and_what_is_off_does_not_count(door: Door) -> None:
    cases: list[tuple[str, dict[str, Any], bool]] = [
        ("true", {}, True),
        ("false", {}, False),
        ("false", {"negate": True}, True),
        (BROKEN, {}, False),
        (BROKEN, {"negate": True}, False),
        (BROKEN, {"failure_result": True}, False),
        ("false", {"enabled": False}, True),
        ("request.client_ip == '192.0.2.1' && user.id == 0", {}, True),
    ]
    flow_id = await door.flow(CONSENT)
    for expression, fields, admitted in cases:
        binding = await door.bind(flow_id, await door.policy(expression), **fields)
        assert (expression, fields, kind(await door.begin(CONSENT)) == "finished") == (expression, fields, admitted)
        await door.bindings.delete(binding, by=COMMAND)


async def test_a_binding_that_has_ended_opens_no_flow(door: Door, clock: FakeClock) -> None:
    ends = clock.now() + timedelta(hours=1)
    await door.bind(await door.flow(CONSENT), await door.policy("true"), expires=ends)
    assert kind(await door.begin(CONSENT)) == "finished"
    clock.advance(3600)
    assert kind(await door.begin(CONSENT)) == "denied"


async def test_of_bindings_that_all_have_to_pass_one_that_has_ended_lets_nobody_in(
    door: Door, clock: FakeClock
) -> None:
    ends = clock.now() + timedelta(hours=1)
    flow_id, place, protects = await door.flow(CONSENT), await door.place("user_login"), await door.put("deny", 15)
    async with door.database.writing() as w:
        await w.execute(update(Flow).where(Flow.id == flow_id).values(policy_engine_mode="all"))
        both = StageBinding.id.in_((place, protects))
        await w.execute(update(StageBinding).where(both).values(policy_engine_mode="all"))
    await door.bind(protects, await door.policy("false"))
    for target in (flow_id, place):
        await door.bind(target, await staff(door), expires=ends)
        await door.bind(target, await door.policy("true"))

    async def outcomes() -> list[str]:
        found = []
        for username in ("ada", "bob"):
            shown = await door.say(await door.begin(), uid_field=username)
            found.append(kind(await door.say(shown, password=PASSWORD)))
        return found

    ada = await door.signed_in("ada")
    assert (await outcomes(), kind(await door.begin(CONSENT, ada))) == (["in", "finished"], "finished")
    clock.advance(3600)
    assert (await outcomes(), kind(await door.begin(CONSENT, ada))) == (["finished", "finished"], "denied")
    # What protects stays where it was.
    async with door.database.writing() as w:
        await w.execute(delete(PolicyBinding).where(PolicyBinding.stage_binding_id == protects))
    await door.bind(protects, await door.policy("true"))
    await door.bind(protects, await staff(door), negate=True, expires=clock.now() + timedelta(seconds=1))
    clock.advance(1)
    assert [kind(await door.say(await door.begin(), uid_field=who)) for who in ("ada", "bob")] == ["denied", "denied"]


async def test_a_flow_is_asked_again_at_its_first_answer(door: Door) -> None:
    shown = await door.begin()
    assert isinstance(shown, Shown)
    await door.bind(await door.flow(SIGN_IN), await door.policy("request.client_ip == '198.51.100.1'"))
    assert kind(await door.say(shown, uid_field="ada")) == "denied"


async def test_a_stage_is_left_out_where_its_bindings_say_so(door: Door) -> None:
    await door.bind(await door.place("password"), await door.policy("false"))
    with pytest.raises(Refused) as caught:
        await door.say(await door.begin(), uid_field="ada")
    # And who was not asked for a proof does not get in.
    assert caught.value.code == "flow.nobody_proved"


async def test_a_policy_that_fails_never_skips_a_proof(door: Door, clock: FakeClock) -> None:
    place = await door.place("password")
    for how in ("errs", "errs, negated", "is unreadable", "has ended", "is lost"):
        subject = await door.policy(BROKEN if how.startswith("errs") else "false")
        ends = {"expires": clock.now() + timedelta(seconds=1)} if how == "has ended" else {}
        binding = await door.bind(place, subject, negate=how == "errs, negated", **ends)
        async with door.database.writing() as w:
            if how == "is unreadable":
                await w.execute(update(Policy).values(expression="import os"))
            if how == "is lost":
                await w.execute(update(PolicyBinding).where(PolicyBinding.id == binding).values(policy_id=None))
        clock.advance(1)
        assert (how, kind(await door.say(await door.begin(), uid_field="ada"))) == (how, "password")
        await door.bindings.delete(binding, by=COMMAND)


async def test_a_login_is_given_only_if_its_bindings_pass(door: Door) -> None:
    binding = await door.bind(await door.place("user_login"), await staff(door))

    async def sign_in(username: str) -> Outcome:
        return await door.say(await door.say(await door.begin(), uid_field=username), password=PASSWORD)

    assert kind(await sign_in("ada")) == "in"
    assert kind(await sign_in("bob")) == "finished"
    await door.bindings.update(binding, {}, subject=await door.policy(BROKEN), by=COMMAND)
    with pytest.raises(Refused) as caught:
        await sign_in("ada")
    assert caught.value.code == "flow.policy_failed"
    async with door.database.writing() as w:
        await w.execute(update(PolicyBinding).values(expires=door.clock.now() - timedelta(1)))
    with pytest.raises(Refused):
        await sign_in("ada")


@pytest.mark.parametrize("on_plan", [True, False])
async def test_a_login_is_given_to_whom_it_is_bound_whenever_its_place_wants_to_ask(
    door: Door, *, on_plan: bool
) -> None:
    place = await door.place("user_login")
    async with door.database.writing() as w:
        flags = {"evaluate_on_plan": on_plan, "re_evaluate_policies": False}
        await w.execute(update(StageBinding).where(StageBinding.id == place).values(**flags))
    await door.bind(place, await staff(door), negate=True)
    outcomes = []
    for username in ("ada", "bob"):
        shown = await door.say(await door.begin(), uid_field=username)
        outcomes.append(kind(await door.say(shown, password=PASSWORD)))
    assert outcomes == ["finished", "in"]


async def test_a_login_that_asks_first_is_given_only_if_its_bindings_still_pass(door: Door, clock: FakeClock) -> None:
    async with door.database.writing() as w:
        stays = {"remember_me_offset": "days=10"}
        await w.execute(update(Stage).where(Stage.type == "user_login").values(config=stays))
    ends = clock.now() + timedelta(minutes=5)
    binding = await door.bind(await door.place("user_login"), await staff(door))
    asked = []
    for _ in range(2):
        outcome = await door.say(await door.begin(), uid_field="ada")
        asked.append(await door.say(outcome, password=PASSWORD))
    assert [kind(outcome) for outcome in asked] == ["user_login", "user_login"]
    assert kind(await door.say(asked[0])) == "in"
    await door.bindings.update(binding, {"expires": ends}, by=COMMAND)
    clock.advance(360)
    with pytest.raises(Refused, match=r"flow\.policy_failed"):
        await door.say(asked[1])
    await door.bindings.delete(binding, by=COMMAND)
    await door.bind(await door.place("user_login"), await door.policy("user.username == 'bob'"))
    with pytest.raises(Refused, match=r"flow\.not_asked"):
        await door.say(asked[1])


async def test_policies_see_a_person_only_after_a_proof(door: Door) -> None:
    somebody = await door.policy("user.username == 'ada'")
    early, late = await door.put("deny", 15), await door.put("deny", 50)
    await door.bind(early, somebody)
    await door.bind(late, somebody)
    outcomes = []
    for username in ("ada", "bob", "nobody"):
        shown = await door.say(await door.begin(), uid_field=username)
        outcomes.append((kind(shown), kind(await door.say(shown, password=PASSWORD))))
    assert outcomes == [("password", "denied"), ("password", "in"), ("password", "password")]


async def test_reputation_picks_out_the_suspicious_alike_for_names_that_nobody_has(door: Door) -> None:
    policy = await door.policies.make("reputation", "bad", {"threshold": -2, "check_ip": False}, by=COMMAND)
    await door.bind(await door.put("deny", 15), ("policy_id", policy.id))

    async def fail(username: str) -> None:
        async with door.database.writing() as w:
            user = None if username == "nobody" else await by_username(w, username)
            await door.reputation.attempted(w, user, username, Attempt("192.0.2.9"), good=False)

    for username in ("ada", "nobody"):
        for expected in ("password", "password", "denied"):
            assert kind(await door.say(await door.begin(), uid_field=username)) == expected
            await fail(username)
    assert kind(await door.say(await door.begin(), uid_field="bob")) == "password"


async def test_nobody_is_locked_out_by_mistake(door: Door) -> None:
    sign_in = await door.flow(SIGN_IN)
    for subject in (await staff(door), await door.policy("user.id > 0")):
        with pytest.raises(Conflict) as caught:
            await door.bind(sign_in, subject)
        assert caught.value.code == "flow.locks_out"
    place = await door.put("deny", 15)
    binding = await door.bind(place, await door.policy("request.client_ip == '198.51.100.1'"))
    with pytest.raises(Conflict) as caught:
        await door.bindings.delete(binding, by=COMMAND)
    assert caught.value.code == "flow.locks_out"
    assert kind(await door.begin()) == "identification"
