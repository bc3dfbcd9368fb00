"""Flows, stages and their places: made, changed, deleted, and held where nobody could sign in any more."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from ostiary.applications.models import Provider
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.flows.bindings import StageBindings
from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.flows.registry import Flows
from ostiary.flows.stage_registry import Stages
from ostiary.flows.uses import Use, Uses
from ostiary.kit.errors import Conflict, InvalidInput, NotFound, OstiaryError
from ostiary.storage.session import Database, Reading
from tests.clock import FakeClock
from tests.house import house

SIGN_IN = "default-authentication-flow"
NEW: Mapping[str, Any] = {"name": "New", "slug": "new", "title": "New", "designation": "authentication"}
NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass
class Room:
    database: Database
    uses: Uses
    flows: Flows
    stages: Stages
    bindings: StageBindings

    async def id(self, model: Any, condition: Any) -> str:
        async with self.database.reading() as r:
            found: str | None = await r.scalar(select(model.id).where(condition))
        assert found is not None
        return found

    async def place(self, slug: str, type_: str) -> str:
        """The id of the place of a stage of that type."""
        async with self.database.reading() as r:
            found = await r.scalar(
                select(StageBinding.id)
                .join(Stage, Stage.id == StageBinding.stage_id)
                .join(Flow, Flow.id == StageBinding.flow_id)
                .where(Flow.slug == slug, Stage.type == type_)
            )
        assert found is not None
        return found

    async def events(self) -> list[tuple[str, str]]:
        async with self.database.reading() as r:
            rows = await r.scalars(select(Event).where(Event.room == "flows").order_by(Event.id))
            return [(event.action, event.context["model"]) for event in rows]


@pytest.fixture
async def room(database: Database, clock: FakeClock) -> AsyncIterator[Room]:
    async with house(database, clock):
        uses = Uses()
        parts: dict[str, Any] = {"database": database, "clock": clock, "uses": uses}
        yield Room(database, uses, Flows(**parts), Stages(**parts), StageBindings(**parts))


async def refusal(going: Any) -> OstiaryError:
    with pytest.raises(OstiaryError) as caught:
        await going
    return caught.value


async def test_a_flow_is_made_changed_and_deleted_with_events(room: Room) -> None:
    flow = await room.flows.create(NEW, by=COMMAND)
    assert (flow.authentication, flow.denied_action, flow.policy_engine_mode) == ("none", "message_continue", "any")
    await room.flows.update("new", {"title": "Newer", "denied_action": "message"}, by=COMMAND)
    await room.flows.update("new", {"title": "Newer"}, by=COMMAND)
    stage = await room.stages.create("deny", "no", {"deny_message": "No."}, by=COMMAND)
    binding = await room.bindings.create({"target": flow.id, "stage": stage.id, "order": 1}, by=COMMAND)
    await room.bindings.update(binding.id, {"order": 2, "invalid_response_action": "restart"}, by=COMMAND)
    await room.stages.update("no", {"deny_message": "Never."}, new_name="never", by=COMMAND)
    await room.bindings.delete(binding.id, by=COMMAND)
    await room.stages.delete("never", by=COMMAND)
    await room.flows.delete("new", by=COMMAND)
    assert await room.events() == [
        ("model_created", "flow"),
        ("model_updated", "flow"),
        ("model_created", "stage"),
        ("model_created", "flow_stage_binding"),
        ("model_updated", "flow_stage_binding"),
        ("model_updated", "stage"),
        ("model_deleted", "flow_stage_binding"),
        ("model_deleted", "stage"),
        ("model_deleted", "flow"),
    ]
    assert isinstance(await refusal(room.flows.delete("new", by=COMMAND)), NotFound)
    assert isinstance(await refusal(room.stages.delete("never", by=COMMAND)), NotFound)
    assert isinstance(await refusal(room.bindings.delete(binding.id, by=COMMAND)), NotFound)


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"slug": "a b"}, "flow.slug_invalid", "slug"),
        ({"slug": "a" * 51}, "flow.slug_invalid", "slug"),
        ({"name": " "}, "flow.name_invalid", "name"),
        ({"title": "a\nb"}, "flow.title_invalid", "title"),
        ({"designation": "fun"}, "flow.designation_invalid", "designation"),
        ({"authentication": "require_outpost"}, "flow.not_supported_yet", "authentication"),
        ({"authentication": "nobody"}, "flow.authentication_invalid", "authentication"),
        ({"denied_action": "shout"}, "flow.denied_action_invalid", "denied_action"),
        ({"policy_engine_mode": "most"}, "flow.policy_engine_mode_invalid", "policy_engine_mode"),
        ({"layout": "sidebar_left"}, "flow.not_supported_yet", "layout"),
        ({"background": "/media/sea.jpg"}, "flow.not_supported_yet", "background"),
        ({"compatibility_mode": 1}, "flow.compatibility_mode_invalid", "compatibility_mode"),
        ({"colour": "red"}, "flow.field_unknown", "colour"),
        ({"slug": SIGN_IN}, "flow.slug_taken", "slug"),
    ],
)
async def test_a_flow_is_refused_by_field(room: Room, values: dict[str, Any], code: str, field: str) -> None:
    for going in (room.flows.create({**NEW, **values}, by=COMMAND),):
        error = await refusal(going)
        assert (error.code, error.field) == (code, field)
    assert await room.events() == []


@pytest.mark.parametrize(
    ("type_", "values", "code", "field"),
    [
        ("identification", {"user_fields": []}, "stage.user_fields_invalid", "user_fields"),
        ("identification", {"user_fields": ["upn"]}, "stage.not_supported_yet", "user_fields"),
        ("identification", {"user_fields": [{}]}, "stage.user_fields_invalid", "user_fields"),
        ("identification", {"password_stage": NOBODY}, "stage.password_stage_invalid", "password_stage"),
        ("identification", {"password_stage": 7}, "stage.password_stage_invalid", "password_stage"),
        ("identification", {"recovery_flow": NOBODY}, "stage.not_supported_yet", "recovery_flow"),
        ("identification", {"sources": [NOBODY]}, "stage.not_supported_yet", "sources"),
        ("identification", {"show_matched_user": "yes"}, "stage.show_matched_user_invalid", "show_matched_user"),
        ("password", {"backends": []}, "stage.backends_invalid", "backends"),
        ("password", {"backends": ["authentik.core.auth.TokenBackend"]}, "stage.not_supported_yet", "backends"),
        ("password", {"failed_attempts_before_cancel": 0}, "stage.failed_attempts_before_cancel_invalid", None),
        ("password", {"failed_attempts_before_cancel": True}, "stage.failed_attempts_before_cancel_invalid", None),
        ("password", {"configure_flow": NOBODY}, "stage.not_supported_yet", "configure_flow"),
        ("user_login", {"session_duration": "soon"}, "duration.invalid", "session_duration"),
        ("user_login", {"session_duration": 5}, "stage.session_duration_invalid", "session_duration"),
        ("user_login", {"network_binding": "bind_asn"}, "stage.not_supported_yet", "network_binding"),
        ("deny", {"deny_message": "a\0b"}, "stage.deny_message_invalid", "deny_message"),
        ("deny", {"mesage": "x"}, "stage.field_unknown", "mesage"),
        ("user_logout", {"x": 1}, "stage.field_unknown", "x"),
        ("captcha", {}, "stage.type_unknown", "type"),
        ("initial_setup", {}, "stage.type_unknown", "type"),
    ],
)
async def test_a_stage_is_refused_by_option(
    room: Room, type_: str, values: dict[str, Any], code: str, field: str | None
) -> None:
    error = await refusal(room.stages.create(type_, "mine", values, by=COMMAND))
    assert error.code == code
    assert error.field == (field or next(iter(values)))
    assert await room.events() == []


async def test_options_that_ask_for_nothing_are_accepted_and_not_stored(room: Room) -> None:
    asked = {"recovery_flow": None, "sources": [], "enable_remember_me": False, "user_fields": ["email", "email"]}
    stage = await room.stages.create("identification", "mine", asked, by=COMMAND)
    assert stage.config == {
        "user_fields": ["email"],
        "password_stage": None,
        "case_insensitive_matching": True,
        "show_matched_user": False,
        "pretend_user_exists": True,
    }
    error = await refusal(room.stages.create("deny", "mine", {}, by=COMMAND))
    assert (error.code, error.field) == ("stage.name_taken", "name")
    error = await refusal(room.stages.update("mine", {}, new_name="default-authentication-login", by=COMMAND))
    assert error.code == "stage.name_taken"


async def test_a_password_stage_has_to_be_one(room: Room) -> None:
    login = await room.id(Stage, Stage.type == "user_login")
    error = await refusal(room.stages.create("identification", "mine", {"password_stage": login}, by=COMMAND))
    assert error.code == "stage.password_stage_invalid"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"target": NOBODY}, "stage_binding.target_invalid"),
        ({"stage": NOBODY}, "stage_binding.stage_invalid"),
        ({"stage": 3}, "stage_binding.stage_invalid"),
        ({"order": 2**31}, "stage_binding.order_invalid"),
        ({"order": True}, "stage_binding.order_invalid"),
        ({"evaluate_on_plan": 1}, "stage_binding.evaluate_on_plan_invalid"),
        ({"policy_engine_mode": "x"}, "stage_binding.policy_engine_mode_invalid"),
        ({"invalid_response_action": "x"}, "stage_binding.invalid_response_action_invalid"),
        ({"colour": "red"}, "stage_binding.field_unknown"),
    ],
)
async def test_a_place_is_refused_by_field(room: Room, values: dict[str, Any], code: str) -> None:
    flow = await room.flows.create(NEW, by=COMMAND)
    stage = await room.stages.create("deny", "no", {}, by=COMMAND)
    error = await refusal(
        room.bindings.create({"target": flow.id, "stage": stage.id, "order": 1, **values}, by=COMMAND)
    )
    assert (error.code, error.field) == (code, next(iter(values)))


async def test_two_stages_may_share_a_place_but_no_stage_takes_it_twice(room: Room) -> None:
    flow = await room.flows.create(NEW, by=COMMAND)
    one, two = [await room.stages.create("deny", name, {}, by=COMMAND) for name in ("a", "b")]
    await room.bindings.create({"target": flow.id, "stage": one.id, "order": 1}, by=COMMAND)
    await room.bindings.create({"target": flow.id, "stage": two.id, "order": 1}, by=COMMAND)
    error = await refusal(room.bindings.create({"target": flow.id, "stage": one.id, "order": 1}, by=COMMAND))
    assert (error.code, error.field) == ("stage_binding.exists", "order")


async def test_what_would_let_nobody_in_is_refused_with_who_needs_it(room: Room) -> None:
    flows, stages, bindings = room.flows, room.stages, room.bindings
    login, name = await room.place(SIGN_IN, "user_login"), await room.place(SIGN_IN, "identification")
    deny = await stages.create("deny", "no", {}, by=COMMAND)
    flow_id = await room.id(Flow, Flow.slug == SIGN_IN)
    out = await room.place("default-invalidation-flow", "user_logout")
    for going, reason in (
        (bindings.delete(login, by=COMMAND), "no stage that signs people in"),
        (bindings.update(login, {"order": 5}, by=COMMAND), "no stage that proves"),
        (bindings.update(name, {"order": 50}, by=COMMAND), "before it asks for a name"),
        (bindings.create({"target": flow_id, "stage": deny.id, "order": 1}, by=COMMAND), "denies everybody"),
        (bindings.update(login, {"stage": deny.id}, by=COMMAND), "denies everybody"),
        (stages.delete("default-authentication-login", by=COMMAND), "no stage that signs people in"),
        (stages.delete("default-authentication-password", by=COMMAND), "no stage that proves"),
        (flows.update(SIGN_IN, {"designation": "recovery"}, by=COMMAND), "is a flow for recovery"),
        (flows.update(SIGN_IN, {"authentication": "require_superuser"}, by=COMMAND), "asks for require_superuser"),
        (bindings.delete(out, by=COMMAND), "no stage that signs out"),
    ):
        error = await refusal(going)
        assert isinstance(error, Conflict)
        assert error.code == "flow.locks_out"
        assert reason in error.message
        assert "Ostiary's sign-" in error.message
    assert await room.events() == [("model_created", "stage")]
    await bindings.delete(login, by=COMMAND, force=True)


async def test_a_sign_in_flow_may_be_changed_while_it_still_lets_people_in(room: Room) -> None:
    place = await room.place(SIGN_IN, "password")
    await room.bindings.delete(place, by=COMMAND)
    await room.stages.update("default-authentication-login", {"terminate_other_sessions": True}, by=COMMAND)
    # What nobody uses may be broken.
    flow = await room.flows.create(NEW, by=COMMAND)
    stage = await room.id(Stage, Stage.type == "user_login")
    binding = await room.bindings.create({"target": flow.id, "stage": stage, "order": 1}, by=COMMAND)
    await room.bindings.delete(binding.id, by=COMMAND)


async def test_a_flow_in_use_stays(room: Room) -> None:
    for slug in (SIGN_IN, "default-invalidation-flow", "initial-setup"):
        error = await refusal(room.flows.delete(slug, by=COMMAND))
        assert (error.code, error.status) == ("flow.in_use", 409)
        assert "Ostiary's" in error.message
        assert (await refusal(room.flows.update(slug, {"slug": "other"}, by=COMMAND))).code == "flow.in_use"
    flow = await room.flows.create(NEW, by=COMMAND)

    async def brand(r: Reading, asked: Flow) -> list[Use]:
        return [Use("authentication", "the brand of example.com", "b", "brand", "1")] if asked.id == flow.id else []

    room.uses.others.append(brand)
    assert "example.com" in (await refusal(room.flows.delete("new", by=COMMAND))).message
    await room.flows.update("new", {"slug": "newer"}, by=COMMAND)
    await room.flows.delete("newer", by=COMMAND, force=True)


async def test_providers_hold_a_flow_and_follow_its_slug(room: Room) -> None:
    await room.flows.create(NEW, by=COMMAND)
    async with room.database.writing() as w:
        w.add(
            Provider(
                type="proxy", name="hello", authentication_flow=None, authorization_flow="x", invalidation_flow="new"
            )
        )
    error = await refusal(room.flows.delete("new", by=COMMAND))
    assert (error.code, "hello" in error.message) == ("flow.in_use", True)
    await room.flows.update("new", {"slug": "newer"}, by=COMMAND)
    async with room.database.reading() as r:
        assert await r.scalar(select(Provider.invalidation_flow)) == "newer"


async def test_who_is_about_to_use_a_flow_may_ask_whether_it_serves(room: Room) -> None:
    flow = await room.flows.create(NEW, by=COMMAND)
    async with room.database.reading() as r:
        with pytest.raises(InvalidInput) as unfit:
            await room.uses.check(r, flow, "authentication", "flow_authentication")
        assert (unfit.value.code, unfit.value.field) == ("flow.unfit", "flow_authentication")
        good = await r.get(Flow, await room.id(Flow, Flow.slug == SIGN_IN))
        assert good is not None
        await room.uses.check(r, good, "authentication", "flow_authentication")


async def test_a_stage_that_others_refer_to_is_taken_out_of_them(room: Room) -> None:
    password = await room.stages.create("password", "word", {}, by=COMMAND)
    await room.stages.create("identification", "who", {"password_stage": password.id}, by=COMMAND)
    await room.stages.delete("word", by=COMMAND)
    async with room.database.reading() as r:
        config = await r.scalar(select(Stage.config).where(Stage.name == "who"))
    assert config is not None
    assert config["password_stage"] is None


async def test_several_verbs_in_one_transaction_stand_or_fall_together(room: Room) -> None:
    with pytest.raises(Conflict):
        async with room.database.together():
            await room.flows.create(NEW, by=COMMAND)
            await room.stages.delete("default-authentication-login", by=COMMAND)
    assert await room.events() == []
