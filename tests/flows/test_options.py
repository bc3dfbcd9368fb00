"""What the options of flows, places and stages do, walked through as browsers do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select, update

from ostiary.events.models import Event
from ostiary.flows.conditions import Opinion
from ostiary.flows.executor import Denied, Executor, Shown
from ostiary.flows.intent import Intent
from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.flows.plan import Plan, PlannedStage
from ostiary.flows.run import Pending, Visitor
from ostiary.kit.errors import Refused
from ostiary.sessions.models import Session
from ostiary.storage.session import Database, Reading
from tests.clock import FakeClock
from tests.house import PASSWORD, Browser, House, house

SLUG = "default-authentication-flow"
FLOW = f"/if/flow/{SLUG}/"
HOUR = 3600


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


async def configure(door: House, type_: str, **options: Any) -> None:
    async with door.database.writing() as w:
        stage = (await w.scalars(select(Stage).where(Stage.type == type_))).one()
        stage.config = {**stage.config, **options}


async def flow(door: House, slug: str = SLUG, **columns: Any) -> None:
    async with door.database.writing() as w:
        await w.execute(update(Flow).where(Flow.slug == slug).values(**columns))


async def place(door: House, type_: str, order: int, config: dict[str, Any] | None = None, **columns: Any) -> str:
    """A new stage in the sign-in flow; its binding's id."""
    async with door.database.writing() as w:
        stage = Stage(name=f"{type_} {order}", type=type_, config=config or {})
        w.add(stage)
        await w.flush()
        flow_id = await w.scalar(select(Flow.id).where(Flow.slug == SLUG))
        binding = StageBinding(flow_id=flow_id, stage_id=stage.id, order=order, **columns)
        w.add(binding)
        await w.flush()
        return binding.id


async def named(door: House, name: str) -> Browser:
    """A browser that has named somebody and looks at what comes next."""
    browser = door.browser()
    await browser.get(FLOW)
    step = await browser.send({"uid_field": name})
    if step.status_code == 303:
        await browser.get(step.headers["location"])
    return browser


async def sessions(door: House) -> list[Session]:
    async with door.database.reading() as r:
        return list(await r.scalars(select(Session)))


# Identification


@pytest.mark.parametrize(
    ("fields", "label", "good", "bad"),
    [
        (["username"], "Username", "ada", "ada@example.com"),
        (["email"], "E-mail", "ada@example.com", "ada"),
    ],
)
@pytest.mark.parametrize("pages", [1, 2])
async def test_a_person_is_named_only_by_the_fields_that_count(
    door: House, fields: list[str], label: str, good: str, bad: str, pages: int
) -> None:
    await configure(door, "identification", user_fields=fields, **({"password_stage": None} if pages == 2 else {}))
    for name, status in ((bad, 403), (good, 303)):
        browser = await named(door, name)
        assert browser.page.labels.get("uid_field", label) == label
        assert (await browser.send({"uid_field": name, "password": PASSWORD})).status_code == status


async def test_names_count_as_they_are_stored_where_case_matters(door: House) -> None:
    await configure(door, "identification", case_insensitive_matching=False)
    assert (await door.browser().sign_in("Ada")).status_code == 403
    assert (await door.browser().sign_in("ADA@example.com")).status_code == 403
    assert (await door.browser().sign_in("ada")).status_code == 303


@pytest.mark.parametrize(("shown", "expected"), [(True, "ada"), (False, "ada@example.com")])
async def test_whom_a_name_means_is_shown_only_where_it_may_be(door: House, *, shown: bool, expected: str) -> None:
    await configure(door, "identification", password_stage=None, show_matched_user=shown)
    browser = await named(door, "ada@example.com")
    assert f"as <strong>{expected}</strong>" in browser.page.html
    assert (await browser.send({"password": PASSWORD})).status_code == 303
    assert "as <strong>nobody</strong>" in (await named(door, "nobody")).page.html


async def test_a_name_that_nobody_has_is_told_only_where_it_may_be_and_is_counted(door: House) -> None:
    await configure(door, "identification", password_stage=None, pretend_user_exists=False)
    browser = door.browser()
    await browser.get(FLOW)
    for _ in range(100):
        answer = await browser.send({"uid_field": "nobody"})
        assert "Nobody of that name" in answer.text
    assert "too many failed attempts" in (await browser.send({"uid_field": "nobody"})).text
    assert "too many failed attempts" in (await browser.send({"uid_field": "ada"})).text
    async with door.database.reading() as r:
        failed = list(await r.scalars(select(Event).where(Event.action == "login_failed")))
    assert {event.context["reason"] for event in failed} == {"unknown name"}
    assert len(failed) == 100
    other = door.browser(peer="203.0.113.99")
    await other.get(FLOW)
    assert (await other.send({"uid_field": "ada"})).status_code == 303


# Password


async def test_a_flow_ends_after_so_many_wrong_passwords(door: House) -> None:
    await configure(door, "identification", password_stage=None)
    await configure(door, "password", failed_attempts_before_cancel=2)
    browser = await named(door, "ada")
    assert (await browser.send({"password": "wrong"})).status_code == 403
    assert browser.page.action
    ended = await browser.send({"password": "wrong"})
    assert ended.status_code == 403
    assert "too many wrong answers" in ended.text
    assert not browser.page.action
    again = await named(door, "ada")
    assert (await again.send({"password": PASSWORD})).status_code == 303


# Login


async def test_a_login_lasts_as_long_as_its_stage_says(door: House, clock: FakeClock) -> None:
    await configure(door, "user_login", session_duration="hours=30")
    browser = door.browser()
    answer = await browser.sign_in()
    assert f"Max-Age={30 * HOUR}" in answer.headers.get_list("set-cookie")[0]
    clock.advance(29 * HOUR)
    await door.sessions.expire()
    assert (await browser.get("/if/user/")).status_code == 200
    clock.advance(HOUR)
    assert (await browser.get("/if/user/")).status_code == 303


async def test_without_a_word_a_login_ends_when_idle_and_with_the_browser(door: House, clock: FakeClock) -> None:
    browser = door.browser()
    assert "Max-Age" not in (await browser.sign_in()).headers.get_list("set-cookie")[0]
    clock.advance(8 * HOUR)
    assert (await browser.get("/if/user/")).status_code == 303


@pytest.mark.parametrize("stays", [True, False])
async def test_people_choose_whether_to_stay_signed_in(door: House, clock: FakeClock, *, stays: bool) -> None:
    await configure(door, "user_login", remember_me_offset="days=10")
    browser = door.browser()
    step = await browser.sign_in()
    assert await sessions(door) == []
    await browser.get(step.headers["location"])
    assert "Stay signed in?" in browser.page.html
    answer = await browser.send({"remember_me": "on" if stays else "off"})
    assert answer.headers["location"] == "/if/user/"
    assert ("Max-Age=864000" in answer.headers.get_list("set-cookie")[0]) is stays
    clock.advance(9 * 24 * HOUR)
    assert (await browser.get("/if/user/")).status_code == (200 if stays else 303)


async def test_a_sign_in_may_end_the_others(door: House) -> None:
    first, other, stranger = door.browser(), door.browser(), door.browser()
    await first.sign_in()
    await stranger.sign_in("bob")
    await configure(door, "user_login", terminate_other_sessions=True)
    await other.sign_in()
    assert (await first.get("/if/user/")).status_code == 303
    assert (await other.get("/if/user/")).status_code == 200
    assert (await stranger.get("/if/user/")).status_code == 200
    async with door.database.reading() as r:
        event = (await r.scalars(select(Event).where(Event.action == "logout"))).one()
    assert (event.context["reason"], event.context["sessions"]) == ("signed in elsewhere", 1)


async def test_a_device_is_known_as_long_as_its_stage_says(door: House) -> None:
    await configure(door, "user_login", remember_device="days=1")
    assert "Max-Age=86400" in (await door.browser().sign_in()).headers.get_list("set-cookie")[1]
    await configure(door, "user_login", remember_device="seconds=0")
    assert len((await door.browser().sign_in()).headers.get_list("set-cookie")) == 1


# Deny


async def test_a_flow_that_denies_ends_in_its_own_words(door: House) -> None:
    await place(door, "deny", 50, {"deny_message": "Closed <today>."})
    answer = await door.browser().sign_in()
    assert answer.status_code == 403
    assert "Closed &lt;today&gt;." in answer.text
    assert await sessions(door) == []
    await flow(door, denied_action="continue")
    assert (await door.browser().sign_in()).status_code == 403


# After a wrong answer


@pytest.mark.parametrize(
    ("action", "asks"), [("retry", "password"), ("restart", "uid_field"), ("restart_with_context", "password")]
)
async def test_after_a_wrong_answer_comes_what_its_place_says(door: House, action: str, asks: str) -> None:
    await configure(door, "identification", password_stage=None)
    async with door.database.writing() as w:
        await w.execute(update(StageBinding).where(StageBinding.order == 20).values(invalid_response_action=action))
    browser = await named(door, "ada")
    before = browser.page.action
    answer = await browser.send({"password": "wrong"})
    assert answer.status_code == 403
    assert "is not right" in answer.text
    assert browser.page.inputs[asks]
    assert ("password" in browser.page.inputs) is (asks == "password")
    assert (browser.page.action == before) is (action == "retry")
    if asks == "uid_field":
        step = await browser.send({"uid_field": "ada"})
        await browser.get(step.headers["location"])
    assert (await browser.send({"password": PASSWORD})).headers["location"] == "/if/user/"


async def test_starting_over_does_not_forget_how_often_it_went_wrong(door: House) -> None:
    await configure(door, "identification", password_stage=None)
    await configure(door, "password", failed_attempts_before_cancel=2)
    async with door.database.writing() as w:
        await w.execute(
            update(StageBinding).where(StageBinding.order == 20).values(invalid_response_action="restart_with_context")
        )
    browser = await named(door, "ada")
    await browser.send({"password": "wrong"})
    assert "too many wrong answers" in (await browser.send({"password": "wrong"})).text


# Who may, and what policies say


async def test_a_flow_for_superusers_is_for_nobody_else(door: House) -> None:
    await flow(door, "default-provider-invalidation-flow", authentication="require_superuser", denied_action="message")
    page = "/if/flow/default-provider-invalidation-flow/"
    browser = door.browser()
    assert (await browser.get(page)).headers["location"].startswith(FLOW)
    await browser.sign_in()
    answer = await browser.get(page)
    assert answer.status_code == 403
    assert "Only administrators" in answer.text


@dataclass
class Said:
    """Conditions that say what a test wants, and note what was asked."""

    admitted: bool = True
    left_out: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    async def admits(self, plan: Plan, visitor: Visitor) -> Opinion:
        self.asked.append(plan.slug)
        return Opinion(passes=self.admitted, messages=("Not", "now."))

    async def includes(self, plan: Plan, stage: PlannedStage, pending: Pending | None, visitor: Visitor) -> Opinion:
        self.asked.append(f"{stage.type} {pending.shown if pending else '-'}")
        if stage.binding_id in self.unknown:
            raise Refused("policy.failed", "A policy failed.")
        return Opinion(passes=stage.binding_id not in self.left_out)

    async def conditional(self, r: Reading, plan_id: str) -> frozenset[str]:
        return self.left_out

    async def shut(self, r: Reading, plan_id: str) -> bool:
        return False


async def judged(door: House, said: Said) -> Executor:
    return Executor(database=door.database, clock=door.clock, secrets=door.secrets, stages=door.stages, conditions=said)


MINE = b"m" * 32
VISITOR = Visitor(client_ip="192.0.2.1")


async def test_whom_policies_do_not_admit_is_told_why(door: House) -> None:
    said = Said(admitted=False)
    executor = await judged(door, said)
    plan = await executor.plan(SLUG)
    denied = await executor.begin(plan, Intent(), VISITOR, MINE)
    assert isinstance(denied, Denied)
    assert (denied.message, denied.at_once) == ("Not now.", True)
    said.admitted = True
    shown = await executor.begin(plan, Intent(), VISITOR, MINE)
    assert isinstance(shown, Shown)
    said.admitted = False
    # A form of before does not get past them.
    late = await executor.answer(shown.run, {"uid_field": "ada", "password": PASSWORD}, VISITOR, MINE)
    assert isinstance(late, Denied)
    assert await sessions(door) == []


@pytest.mark.parametrize(
    ("on_plan", "again", "asked"), [(True, False, "deny -"), (False, True, "deny ada"), (False, False, None)]
)
@pytest.mark.parametrize("passes", [True, False])
async def test_a_stage_whose_policies_do_not_pass_is_left_out_when_it_is_asked(
    door: House, *, on_plan: bool, again: bool, asked: str | None, passes: bool
) -> None:
    binding = await place(door, "deny", 50, evaluate_on_plan=on_plan, re_evaluate_policies=again)
    said = Said(left_out=frozenset() if passes else frozenset({binding}))
    executor = await judged(door, said)
    shown = await executor.begin(await executor.plan(SLUG), Intent(), VISITOR, MINE)
    assert isinstance(shown, Shown)
    outcome = await executor.answer(shown.run, {"uid_field": "ada", "password": PASSWORD}, VISITOR, MINE)
    assert isinstance(outcome, Denied) is (passes or asked is None)
    assert [one for one in said.asked if one.startswith("deny")] == ([asked] if asked else [])


async def test_a_stage_whose_policies_fail_is_not_left_out_but_ends_the_flow(door: House) -> None:
    binding = await place(door, "deny", 50)
    executor = await judged(door, Said(unknown=frozenset({binding})))
    shown = await executor.begin(await executor.plan(SLUG), Intent(), VISITOR, MINE)
    assert isinstance(shown, Shown)
    with pytest.raises(Refused):
        await executor.answer(shown.run, {"uid_field": "ada", "password": PASSWORD}, VISITOR, MINE)
    assert await sessions(door) == []


@pytest.mark.parametrize(
    ("action", "resume", "status", "location"),
    [
        ("message", "/x", 403, None),
        ("message_continue", "/x", 303, "/x"),
        ("message_continue", "/if/user/", 403, None),
        ("continue", "/if/user/", 303, "/if/user/"),
    ],
)
async def test_a_denied_action_says_where_whoever_may_not_goes(
    door: House, action: str, resume: str, status: int, location: str | None
) -> None:
    slug = "default-provider-authorization-implicit-consent"
    await flow(door, slug, authentication="require_superuser", denied_action=action)
    browser = door.browser()
    await browser.sign_in()
    answer = await browser.get(door.start.url(Intent(resume), slug))
    assert answer.status_code == status
    assert answer.headers.get("location") == location
