import pytest
from sqlalchemy import select

from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.policies.registry import Policies, by_name, given_text, listed, uses
from ostiary.storage.session import Database


async def test_made_changed_deleted(policies: Policies, database: Database) -> None:
    await policies.create("office", "now.getHours('UTC') >= 8", by=COMMAND)
    await policies.create("admins", "user.is_superuser", by=COMMAND)
    await policies.update("office", new_name="office-hours", expression="now.getHours('UTC') >= 9", by=COMMAND)
    async with database.reading() as r:
        assert [policy.name for policy in await listed(r)] == ["admins", "office-hours"]
        policy = await by_name(r, "office-hours")
        assert policy.expression == "now.getHours('UTC') >= 9"
        assert await uses(r, policy) == 0
    assert await policies.delete("admins", by=COMMAND) == 0
    with pytest.raises(NotFound) as caught:
        await policies.delete("admins", by=COMMAND)
    assert (caught.value.code, caught.value.field) == ("policy.not_found", "policy")


async def test_what_is_stored_compiles(policies: Policies, database: Database) -> None:
    await policies.create("p", "true", by=COMMAND)
    for expression in ("user.nam == 'x'", "user.name", "return ak_client_ip", ""):
        with pytest.raises(InvalidInput) as caught:
            await policies.create("q", expression, by=COMMAND)
        assert caught.value.code.startswith("expression.")
        with pytest.raises(InvalidInput):
            await policies.update("p", expression=expression, by=COMMAND)
    async with database.reading() as r:
        assert [(policy.name, policy.expression) for policy in await listed(r)] == [("p", "true")]


async def test_names(policies: Policies) -> None:
    await policies.create(" p ", "true", by=COMMAND)
    for name in ("p", "p "):
        with pytest.raises(Conflict) as caught:
            await policies.create(name, "true", by=COMMAND)
        assert (caught.value.code, caught.value.field) == ("policy.name_taken", "name")
    await policies.create("q", "true", by=COMMAND)
    with pytest.raises(Conflict):
        await policies.update("q", new_name="p", by=COMMAND)
    for name in ("", " ", "a\nb", "x" * 151, "\u202ex"):
        with pytest.raises(InvalidInput) as wrong:
            await policies.create(name, "true", by=COMMAND)
        assert wrong.value.code == "policy.name_invalid"


async def test_every_type_is_made_and_changed_with_its_fields(policies: Policies, database: Database) -> None:
    made = await policies.make("password", "long", {"length_min": 12, "check_zxcvbn": True}, by=COMMAND)
    await policies.change(made.id, {"amount_digits": 2}, new_name="longer", by=COMMAND)
    score = await policies.make("reputation", "bad", {"threshold": -3}, by=COMMAND)
    async with database.reading() as r:
        config = (await by_name(r, "longer")).config
        assert (config["length_min"], config["amount_digits"], config["check_zxcvbn"]) == (12, 2, True)
        assert (await by_name(r, "bad")).config == {"check_ip": True, "check_username": True, "threshold": -3}
        last = await r.scalar(select(Event).order_by(Event.id.desc()).offset(1).limit(1))
    assert last is not None
    assert last.context["changes"] == {"name": ["long", "longer"], "set": [["amount_digits: 0"], ["amount_digits: 2"]]}
    assert score.created == score.updated


@pytest.mark.parametrize(
    ("type_", "values", "code", "field"),
    [
        ("python", {}, "policy.type_unknown", "type"),
        ("expression", {}, "expression.empty", "expression"),
        ("expression", {"expression": "true", "threshold": 1}, "policy.field_unknown", "threshold"),
        ("password", {"expression": "true"}, "policy.field_unknown", "expression"),
        ("password", {"length_min": -1}, "policy.field_invalid", "length_min"),
        ("password", {"length_min": True}, "policy.field_invalid", "length_min"),
        ("password", {"length_min": "12"}, "policy.field_invalid", "length_min"),
        ("password", {"zxcvbn_score_threshold": 4}, "policy.field_invalid", "zxcvbn_score_threshold"),
        ("password", {"check_zxcvbn": 1}, "policy.field_invalid", "check_zxcvbn"),
        ("password", {"error_message": "two\nlines"}, "policy.field_invalid", "error_message"),
        ("password", {"password_field": "pin"}, "policy.not_supported_yet", "password_field"),
        ("reputation", {"threshold": 2**31}, "policy.field_invalid", "threshold"),
        ("event_matcher", {"action": "sneezed"}, "policy.field_invalid", "action"),
        ("event_matcher", {"client_ip": "10.0.0.0/8"}, "policy.field_invalid", "client_ip"),
        ("event_matcher", {"app": "authentik.nothing"}, "policy.field_invalid", "app"),
        ("event_matcher", {"model": "user"}, "policy.field_invalid", "model"),
        ("event_matcher", {"query": 'action = "login"'}, "expression.syntax", "expression"),
    ],
)
async def test_what_a_field_may_not_hold_is_refused(
    policies: Policies, type_: str, values: dict[str, object], code: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await policies.make(type_, "p", values, by=COMMAND)
    assert (caught.value.code, caught.value.field) == (code, field)


async def test_a_recognised_python_default_becomes_its_cel_and_is_shown_as_given(
    policies: Policies, database: Database
) -> None:
    given = "# everybody who is in\nreturn request.user.is_authenticated"
    await policies.create("p", given, by=COMMAND)
    async with database.reading() as r:
        policy = await by_name(r, "p")
        assert (policy.expression, given_text(policy)) == ("user.id > 0", given)
    await policies.update("p", expression="user.id > 1", by=COMMAND)
    async with database.reading() as r:
        policy = await by_name(r, "p")
        assert (policy.expression, given_text(policy)) == ("user.id > 1", "user.id > 1")
    with pytest.raises(InvalidInput) as caught:
        await policies.create("q", "return ak_client_ip == '10.0.0.1'", by=COMMAND)
    assert caught.value.code == "expression.not_cel"
