"""Stages, each type at its own address, through authentik's own client."""

import json
from typing import Any

import authentik_client as ak
import pytest

from tests.api.house import ApiHouse, called

UNFILTERED = ("user_fields", "backends", "pretend_user_exists")
INBUILT = "authentik.core.auth.InbuiltBackend"
TYPES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "identification": (
        "IdentificationStage",
        {"user_fields": ["username"], "pretend_user_exists": False},
        {"show_matched_user": True},
    ),
    "password": (
        "PasswordStage",
        {"backends": [INBUILT], "failed_attempts_before_cancel": 3},
        {"allow_show_password": True},
    ),
    "user_login": (
        "UserLoginStage",
        {"session_duration": "days=30", "remember_device": "days=30"},
        {"terminate_other_sessions": True},
    ),
    "user_logout": ("UserLogoutStage", {}, {}),
    "deny": ("DenyStage", {"deny_message": "No."}, {"deny_message": "Never."}),
}


@pytest.fixture
def stages(api: ApiHouse) -> ak.StagesApi:
    return ak.StagesApi(api.client())


def operation(stages: ak.StagesApi, kind: str, name: str) -> Any:
    return getattr(stages, f"stages_{kind}_{name}")


@pytest.mark.parametrize("kind", TYPES)
def test_a_stage_lives_from_creation_to_deletion(api: ApiHouse, stages: ak.StagesApi, kind: str) -> None:
    model, options, change = TYPES[kind]
    asked = getattr(ak, f"{model}Request")(name=api.unique(kind), **options)
    made = operation(stages, kind, "create")(asked)
    assert made.name == asked.name
    for name, value in options.items():
        assert getattr(made, name) == value
    assert (made.meta_model_name, made.component) == (
        f"authentik_stages_{kind}.{model.lower()}",
        f"ak-stage-{kind.replace('_', '-')}-form",
    )
    assert operation(stages, kind, "retrieve")(made.pk) == made
    assert operation(stages, kind, "list")(name=made.name).results == [made]
    assert operation(stages, kind, "list")(search=made.name).results == [made]
    for name, value in {**options, **change}.items():
        if name in UNFILTERED:
            continue
        expected = [made] if getattr(made, name) == value else []
        assert operation(stages, kind, "list")(name=made.name, **{name: value}).results == expected
    assert operation(stages, kind, "update")(made.pk, asked) == made
    patch = getattr(ak, f"Patched{model}Request")(name=f"{made.name}-2", **change)
    changed = operation(stages, kind, "partial_update")(made.pk, patch)
    assert changed.name == f"{made.name}-2"
    for name, value in {**options, **change}.items():
        assert getattr(changed, name) == value
    assert operation(stages, kind, "used_by_list")(made.pk) == []
    every = stages.stages_all_retrieve(made.pk)
    assert (every.name, every.component) == (changed.name, changed.component)
    assert [one.pk for one in stages.stages_all_list(name=changed.name).results] == [made.pk]
    operation(stages, kind, "destroy")(made.pk)
    assert called(lambda: stages.stages_all_retrieve(made.pk))[0] == 404


def test_another_types_address_does_not_know_it(api: ApiHouse, stages: ak.StagesApi) -> None:
    deny = stages.stages_deny_create(ak.DenyStageRequest(name=api.unique("deny")))
    assert called(lambda: stages.stages_password_retrieve(deny.pk))[0] == 404
    assert called(lambda: stages.stages_user_logout_destroy(deny.pk))[0] == 404
    assert stages.stages_deny_retrieve(deny.pk) == deny
    stages.stages_all_destroy(deny.pk)
    assert called(lambda: stages.stages_deny_retrieve(deny.pk))[0] == 404


@pytest.mark.parametrize(
    ("kind", "options", "field"),
    [
        ("identification", {"user_fields": []}, "user_fields"),
        ("identification", {"user_fields": ["upn"]}, "user_fields"),
        ("identification", {"user_fields": ["phone"]}, "user_fields"),
        ("identification", {"recovery_flow": "00000000-0000-4000-8000-000000000000"}, "recovery_flow"),
        ("identification", {"password_stage": "00000000-0000-4000-8000-000000000000"}, "password_stage"),
        ("identification", {"enable_remember_me": True}, "enable_remember_me"),
        ("password", {}, "backends"),
        ("password", {"backends": ["authentik.core.auth.TokenBackend"]}, "backends"),
        ("password", {"backends": [INBUILT], "failed_attempts_before_cancel": 0}, "failed_attempts_before_cancel"),
        ("user_login", {"session_duration": "for ever"}, "session_duration"),
        ("user_login", {"network_binding": "bind_asn"}, "network_binding"),
        ("user_login", {"name": ""}, "name"),
        ("deny", {"deny_message": "a\nb"}, "deny_message"),
        ("deny", {"name": "default-authentication-login"}, "name"),
    ],
)
def test_a_wrong_option_is_named(api: ApiHouse, kind: str, options: dict[str, Any], field: str) -> None:
    with api.http() as http:
        answer = http.post(f"/stages/{kind}/", json={"name": api.unique("wrong"), **options})
        assert (answer.status_code, list(answer.json())) == (400, [field, "code"])


def test_stages_of_before_there_were_options_are_shown_whole(stages: ak.StagesApi) -> None:
    found = stages.stages_identification_list(name="default-authentication-identification").results[0]
    password = stages.stages_password_list(name="default-authentication-password").results[0]
    assert found.password_stage == password.pk
    assert (found.user_fields, found.sources, found.captcha_stage) == (["email", "username"], [], None)
    assert [one.pk for one in stages.stages_identification_list(password_stage=password.pk).results] == [found.pk]
    uses = stages.stages_password_used_by_list(password.pk)
    assert ("identificationstage", "set_null") in {(use.model_name, use.action) for use in uses}
    everything = {one.name: one for one in stages.stages_all_list(page_size=100).results}
    assert everything["initial-setup"].meta_model_name == "ostiary_flows.initialsetupstage"


def test_the_types_that_exist_are_told(stages: ak.StagesApi) -> None:
    told = {one.component: one.model_name for one in stages.stages_all_types_list()}
    assert told["ak-stage-user-login-form"] == "userloginstage"
    assert len(told) == len(TYPES)
    assert stages.stages_all_user_settings_list() == []


def test_only_superusers_change_stages(api: ApiHouse, stages: ak.StagesApi) -> None:
    key = api.token("authentik_stages_deny.view_denystage", "authentik_stages_deny.change_denystage")
    deny = stages.stages_deny_create(ak.DenyStageRequest(name=api.unique("deny")))
    reader = ak.StagesApi(api.client(key))
    assert reader.stages_deny_retrieve(deny.pk) == deny
    for call in (
        lambda: reader.stages_deny_partial_update(deny.pk, ak.PatchedDenyStageRequest(deny_message="x")),
        lambda: reader.stages_deny_destroy(deny.pk),
        lambda: reader.stages_all_destroy(deny.pk),
        reader.stages_password_list,
    ):
        status, body = called(call)
        assert (status, json.loads(body)["code"]) == (403, "api.not_allowed")
