"""The engine, without HTTP: one question after the other, each answered once, in the browser that began."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, func, select, update

from ostiary.directory.users import by_username
from ostiary.events.record import COMMAND
from ostiary.flows.executor import Finished, Shown
from ostiary.flows.intent import Intent
from ostiary.flows.models import Flow, FlowRun, Stage, StageBinding
from ostiary.flows.run import Pending, Run, Visitor
from ostiary.kit.errors import Refused
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import PASSWORD, House, house

MINE, THEIRS = b"m" * 32, b"t" * 32
VISITOR = Visitor(client_ip="192.0.2.1")


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


@pytest.fixture
async def two_steps(door: House) -> House:
    """Name first, password on a page of its own."""
    async with door.database.writing() as w:
        await w.execute(update(Stage).where(Stage.type == "identification").values(config={}))
    return door


async def begin(door: House, slug: str = "default-authentication-flow") -> Shown:
    shown = await door.executor.begin(await door.executor.plan(slug), Intent(), VISITOR, MINE)
    assert isinstance(shown, Shown)
    return shown


async def rows(door: House) -> int:
    async with door.database.reading() as r:
        return await r.scalar(select(func.count()).select_from(FlowRun)) or 0


async def test_both_in_one_form_need_no_row(door: House) -> None:
    shown = await begin(door)
    assert shown.run.id is None
    wrong = await door.executor.answer(shown.run, {"uid_field": "ada", "password": "wrong"}, VISITOR, MINE)
    assert isinstance(wrong, Shown)
    assert wrong.errors
    done = await door.executor.answer(shown.run, {"uid_field": "ada", "password": PASSWORD}, VISITOR, MINE)
    assert isinstance(done, Finished)
    assert done.effects.login
    assert await rows(door) == 0


async def test_from_the_first_answer_on_there_is_one_row(two_steps: House) -> None:
    door = two_steps
    shown = await begin(door)
    assert await rows(door) == 0
    second = await door.executor.answer(shown.run, {"uid_field": "ADA"}, VISITOR, MINE)
    assert isinstance(second, Shown)
    assert second.question.values == {"typed_name": "ADA"}
    assert second.run.id is not None
    assert await rows(door) == 1
    again = await door.executor.answer(second.run, {"password": "wrong"}, VISITOR, MINE)
    assert isinstance(again, Shown)
    assert await rows(door) == 1
    done = await door.executor.answer(second.run, {"password": PASSWORD}, VISITOR, MINE)
    assert isinstance(done, Finished)
    assert await rows(door) == 0


async def test_a_name_that_nobody_has_goes_on_like_any_other(two_steps: House) -> None:
    shown = await begin(two_steps)
    second = await two_steps.executor.answer(shown.run, {"uid_field": "nobody"}, VISITOR, MINE)
    assert isinstance(second, Shown)
    again = await two_steps.executor.answer(second.run, {"password": PASSWORD}, VISITOR, MINE)
    assert isinstance(again, Shown)
    assert again.errors


async def test_a_step_is_answered_once(two_steps: House) -> None:
    door = two_steps
    second = await door.executor.answer((await begin(door)).run, {"uid_field": "ada"}, VISITOR, MINE)
    assert isinstance(second, Shown)
    answers = await asyncio.gather(
        *(door.executor.answer(second.run, {"password": PASSWORD}, VISITOR, MINE) for _ in range(5)),
        return_exceptions=True,
    )
    assert [isinstance(answer, Finished) for answer in answers].count(True) == 1
    refused = [answer for answer in answers if not isinstance(answer, Finished)]
    assert {answer.code for answer in refused if isinstance(answer, Refused)} == {"flow.step_taken"}


async def test_a_run_belongs_to_its_browser_and_its_time(two_steps: House, clock: FakeClock) -> None:
    door = two_steps
    plan = await door.executor.plan("default-authentication-flow")
    first = await begin(door)
    text = door.executor.sealed(first.run, MINE)
    second = await door.executor.answer(first.run, {"uid_field": "ada"}, VISITOR, MINE)
    assert isinstance(second, Shown)
    run_id = second.run.id or ""
    assert door.executor.opened(plan, text, MINE) == first.run
    assert await door.executor.stored(plan, run_id, MINE) == second.run
    assert door.executor.opened(plan, text, THEIRS) is None
    assert await door.executor.stored(plan, run_id, THEIRS) is None
    other = await door.executor.plan("default-invalidation-flow")
    assert door.executor.opened(other, text, MINE) is None
    assert await door.executor.stored(other, run_id, MINE) is None
    clock.advance(1800)
    assert door.executor.opened(plan, text, MINE) is None
    assert await door.executor.stored(plan, run_id, MINE) is None
    await door.executor.expire()
    assert await rows(door) == 0


async def test_a_flow_that_changed_under_a_run_begins_anew(two_steps: House) -> None:
    door = two_steps
    second = await door.executor.answer((await begin(door)).run, {"uid_field": "ada"}, VISITOR, MINE)
    assert isinstance(second, Shown)
    async with door.database.writing() as w:
        await w.execute(delete(StageBinding).where(StageBinding.order == 20))
    plan = await door.executor.plan("default-authentication-flow")
    assert await door.executor.stored(plan, second.run.id or "", MINE) is None


async def test_a_flow_without_proof_lets_nobody_in(two_steps: House) -> None:
    door = two_steps
    async with door.database.writing() as w:
        await w.execute(delete(StageBinding).where(StageBinding.order == 20))
    shown = await begin(door)
    with pytest.raises(Refused) as refused:
        await door.executor.answer(shown.run, {"uid_field": "ada"}, VISITOR, MINE)
    assert refused.value.code == "flow.nobody_proved"


async def test_who_is_disabled_or_changed_between_proof_and_login_stays_out(door: House, clock: FakeClock) -> None:
    plan = await door.executor.plan("default-authentication-flow")
    async with door.database.reading() as r:
        ada = await by_username(r, "ada")
    login = plan.stages[-1]
    run = Run(plan, Intent(), clock.now(), 2, Pending.proven(ada, "password", "ada"))
    clock.advance(1)
    await door.users.set_password(ada.id, "another password", by=COMMAND)
    with pytest.raises(Refused, match="changed"):
        await door.stages["user_login"].act(run, login, {}, VISITOR)


async def test_a_flow_with_a_stage_that_does_not_exist_is_refused(door: House) -> None:
    async with door.database.writing() as w:
        stage = Stage(name="mfa", type="authenticator_validate", config={})
        w.add(stage)
        flow_id = await w.scalar(select(Flow.id).where(Flow.slug == "default-authentication-flow"))
        await w.flush()
        w.add(StageBinding(flow_id=flow_id, stage_id=stage.id, order=30))
    with pytest.raises(Refused) as refused:
        await door.executor.plan("default-authentication-flow")
    assert refused.value.code == "flow.stage_type_unknown"
