"""Policies of every type, as authentik's client drives them."""

import json
from typing import Any

import authentik_client as ak
import pytest

from ostiary.directory.credentials import Attempt
from ostiary.directory.users import by_username
from tests.api.house import ApiHouse, called


@pytest.fixture
def policies(api: ApiHouse) -> ak.PoliciesApi:
    return ak.PoliciesApi(api.client())


TYPES: dict[str, tuple[Any, Any, dict[str, Any], dict[str, Any]]] = {
    "expression": (
        ak.ExpressionPolicyRequest,
        ak.PatchedExpressionPolicyRequest,
        {"expression": "user.is_superuser"},
        {"expression": "'staff' in user.groups"},
    ),
    "password": (
        ak.PasswordPolicyRequest,
        ak.PatchedPasswordPolicyRequest,
        {"length_min": 9, "error_message": "Longer"},
        {"amount_digits": 1},
    ),
    "reputation": (
        ak.ReputationPolicyRequest,
        ak.PatchedReputationPolicyRequest,
        {"threshold": -2, "check_ip": False},
        {"check_ip": True},
    ),
    "event_matcher": (
        ak.EventMatcherPolicyRequest,
        ak.PatchedEventMatcherPolicyRequest,
        {"action": ak.EventActions.LOGIN_FAILED, "client_ip": "192.0.2.7", "query": "event.app != ''"},
        {"app": "authentik.core"},
    ),
}


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_lives_from_creation_to_deletion(api: ApiHouse, policies: ak.PoliciesApi, type_: str) -> None:
    request, patched, values, more = TYPES[type_]

    def do(verb: str, *arguments: Any, **named: Any) -> Any:
        return getattr(policies, f"policies_{type_}_{verb}")(*arguments, **named)

    name = api.unique("policy")
    made = do("create", request(name=name, **values))
    assert {key: getattr(made, key) for key in values} == values
    assert (made.name, made.bound_to, made.execution_logging) == (name, 0, False)
    assert made.meta_model_name == f"authentik_policies_{type_}.{type_.replace('_', '')}policy"
    assert made.component == f"ak-policy-{type_.replace('_', '-')}-form"
    assert do("retrieve", made.pk) == made
    for filters in ({"name": name}, {"policy_uuid": made.pk}, {"search": name}, {**values, "name": name}):
        assert do("list", **filters).results == [made]
    assert do("list", name=name, execution_logging=True).results == []
    key, value = next(iter(more.items()))
    assert do("list", name=name, **{key: value}).results == []
    changed = do("partial_update", made.pk, patched(**more))
    assert getattr(changed, key) == value
    assert do("list", name=name, **{key: value}).results == [changed]
    again = do("update", made.pk, request(name=f"{name}-2", **values))
    assert (again.name, again.pk) == (f"{name}-2", made.pk)
    assert do("used_by_list", made.pk) == []
    whole = policies.policies_all_retrieve(made.pk)
    assert (whole.pk, whole.name, whole.component) == (made.pk, f"{name}-2", made.component)
    do("destroy", made.pk)
    assert called(lambda: do("retrieve", made.pk))[0] == 404


def test_all_of_them_in_one_list(api: ApiHouse, policies: ak.PoliciesApi) -> None:
    stem = api.unique("all")
    made: list[Any] = [
        policies.policies_expression_create(ak.ExpressionPolicyRequest(name=f"{stem}-a", expression="true")),
        policies.policies_reputation_create(ak.ReputationPolicyRequest(name=f"{stem}-b")),
    ]
    found = policies.policies_all_list(search=stem, ordering="name").results
    assert [(one.pk, one.meta_model_name) for one in found] == [(one.pk, one.meta_model_name) for one in made]
    assert len(policies.policies_all_list(search=stem, bindings__isnull=True).results) == 2
    assert policies.policies_all_list(search=stem, bindings__isnull=False).results == []
    assert policies.policies_all_list(search=stem, promptstage__isnull=False).results == []
    assert {one.model_name for one in policies.policies_all_types_list()} == {
        "expressionpolicy",
        "passwordpolicy",
        "reputationpolicy",
        "eventmatcherpolicy",
    }
    assert policies.policies_all_used_by_list(made[0].pk) == []
    policies.policies_all_destroy(made[0].pk)
    assert [one.pk for one in policies.policies_all_list(search=stem).results] == [made[1].pk]
    assert policies.policies_all_cache_info_retrieve().count == 0
    assert policies.policies_all_cache_clear_create() is None


@pytest.mark.parametrize(
    ("type_", "values", "field", "code"),
    [
        ("expression", {"expression": "return ak_client_ip == '10.0.0.1'"}, "expression", "expression.not_cel"),
        ("expression", {"expression": "user.nam == ''"}, "expression", "expression.unknown_name"),
        (
            "expression",
            {"expression": "true", "execution_logging": True},
            "execution_logging",
            "policy.not_supported_yet",
        ),
        ("password", {"password_field": "pin"}, "password_field", "policy.not_supported_yet"),
        ("password", {"length_min": 2**20}, "length_min", "policy.field_invalid"),
        ("event_matcher", {"client_ip": "10.0.0.0/8"}, "client_ip", "policy.field_invalid"),
        ("event_matcher", {"query": 'action = "login"'}, "query", "expression.syntax"),
        ("event_matcher", {"app": "authentik.rac"}, "app", "policy.field_invalid"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(
    api: ApiHouse, policies: ak.PoliciesApi, type_: str, values: dict[str, Any], field: str, code: str
) -> None:
    name = api.unique("wrong")
    with api.http() as http:
        answer = http.post(f"/policies/{type_}/", json={"name": name, **values})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert list(answer.json()) == [field, "code"]
    assert policies.policies_all_list(search=name).results == []


def test_what_authentiks_own_defaults_say_in_python_is_understood(api: ApiHouse, policies: ak.PoliciesApi) -> None:
    text = "return request.user.is_authenticated"
    made = policies.policies_expression_create(ak.ExpressionPolicyRequest(name=api.unique("python"), expression=text))
    assert made.expression == text
    assert policies.policies_all_test_create(made.pk, ak.PolicyTestRequest(user=_me(api))).passing


def _me(api: ApiHouse) -> int:
    return int(ak.CoreApi(api.client()).core_users_me_retrieve().user.pk)


def test_policies_are_tried(api: ApiHouse, policies: ak.PoliciesApi) -> None:
    me = _me(api)

    def tried(pk: Any, **context: Any) -> ak.PolicyTestResult:
        return policies.policies_all_test_create(pk, ak.PolicyTestRequest(user=me, context=context))

    expression = policies.policies_expression_create(
        ak.ExpressionPolicyRequest(name=api.unique("try"), expression="request.path == '/a' && user.id > 0")
    )
    assert tried(expression.pk, request={"path": "/a"}).passing
    assert not tried(expression.pk).passing
    assert not tried(expression.pk, request="/a").passing
    matcher = policies.policies_event_matcher_create(
        ak.EventMatcherPolicyRequest(name=api.unique("try"), action=ak.EventActions.LOGIN)
    )
    assert tried(matcher.pk, event={"action": "login"}).passing
    assert not tried(matcher.pk, event={"action": "logout"}).passing
    assert "nothing has happened" in tried(matcher.pk).messages[0]
    reputation = policies.policies_reputation_create(ak.ReputationPolicyRequest(name=api.unique("try")))
    assert not tried(reputation.pk, request={"client_ip": "192.0.2.7"}).passing
    assert "is not known" in tried(reputation.pk).messages[0]
    password = policies.policies_password_create(ak.PasswordPolicyRequest(name=api.unique("try"), amount_digits=1))
    assert tried(password.pk, password="abc1").passing
    assert tried(password.pk, prompt_data={"password": "abc"}).messages == ["password: it needs 1 digit."]
    status, body = called(lambda: tried(password.pk))
    assert (status, json.loads(body)["code"]) == (400, "policy.test_needs_password")
    policies.policies_password_destroy(password.pk)
    status, _ = called(lambda: policies.policies_all_test_create(expression.pk, ak.PolicyTestRequest(user=2**40)))
    assert status == 404


def test_a_password_policy_judges_what_the_api_sets(api: ApiHouse, policies: ak.PoliciesApi) -> None:
    made = policies.policies_password_create(
        ak.PasswordPolicyRequest(name=api.unique("digits"), amount_digits=3, error_message="Three digits!")
    )
    core = ak.CoreApi(api.client())
    status, body = called(
        lambda: core.core_users_set_password_create(_me(api), ak.UserPasswordSetRequest(password="no digits here"))
    )
    assert (status, json.loads(body)["code"]) == (400, "password.policy")
    assert json.loads(body)["password"] == ["Three digits! (it needs 3 digits)"]
    policies.policies_password_destroy(made.pk)


def test_scores_are_seen_and_taken_away(api: ApiHouse, policies: ak.PoliciesApi) -> None:
    username = api.unique("suspect")
    api.token(username=username)

    async def fail() -> None:
        async with api.parts.database.writing() as w:
            user = await by_username(w, username)
            for _ in range(3):
                await api.parts.reputation.attempted(w, user, username, Attempt("192.0.2.77"), good=False)

    api.run(fail())
    score: Any
    (score,) = policies.policies_reputation_scores_list(identifier=username).results
    assert (score.identifier, score.ip, score.score) == (username, "192.0.2.77", -3)
    for filters in ({"ip": "192.0.2.77"}, {"identifier_in": [username, "x"]}, {"search": username}, {"score": -3}):
        assert score in policies.policies_reputation_scores_list(**filters).results
    assert policies.policies_reputation_scores_retrieve(score.pk) == score
    assert policies.policies_reputation_scores_used_by_list(score.pk) == []
    policies.policies_reputation_scores_destroy(score.pk)
    assert policies.policies_reputation_scores_list(identifier=username).results == []
