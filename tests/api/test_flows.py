"""Flows and their stages' places, through authentik's own client."""

import json

import authentik_client as ak
import pytest

from tests.api.house import ApiHouse, called

SIGN_IN = "default-authentication-flow"


@pytest.fixture
def flows(api: ApiHouse) -> ak.FlowsApi:
    return ak.FlowsApi(api.client())


@pytest.fixture
def stages(api: ApiHouse) -> ak.StagesApi:
    return ak.StagesApi(api.client())


def wanted(api: ApiHouse, **more: object) -> ak.FlowRequest:
    slug = api.unique("flow")
    return ak.FlowRequest(**{"name": slug, "slug": slug, "title": "New", "designation": "recovery", **more})


def test_a_flow_lives_from_creation_to_deletion(api: ApiHouse, flows: ak.FlowsApi) -> None:
    asked = wanted(api, compatibility_mode=True, denied_action="message", policy_engine_mode="all")
    made = flows.flows_instances_create(asked)
    assert (made.slug, made.title, made.denied_action, made.policy_engine_mode) == (asked.slug, "New", "message", "all")
    assert (made.compatibility_mode, made.layout, made.background, made.stages) == (True, "stacked", "", [])
    assert flows.flows_instances_retrieve(made.slug) == made
    for found in (
        flows.flows_instances_list(slug=made.slug),
        flows.flows_instances_list(
            flow_uuid=made.pk, designation=ak.FlowDesignationEnum.RECOVERY, denied_action=ak.DeniedActionEnum.MESSAGE
        ),
        flows.flows_instances_list(search=made.slug[2:], ordering="-title"),
    ):
        assert found.results == [made]
    assert flows.flows_instances_list(slug=made.slug, designation=ak.FlowDesignationEnum.ENROLLMENT).results == []
    # As Terraform sends it: whole, and nothing differs afterwards.
    assert flows.flows_instances_update(made.slug, asked) == made
    changed = flows.flows_instances_partial_update(made.slug, ak.PatchedFlowRequest(slug=f"{made.slug}-2", title="Old"))
    assert (changed.pk, changed.slug, changed.title, changed.denied_action) == (
        made.pk,
        f"{made.slug}-2",
        "Old",
        "message",
    )
    assert called(lambda: flows.flows_instances_retrieve(made.slug))[0] == 404
    assert flows.flows_instances_used_by_list(changed.slug) == []
    flows.flows_instances_destroy(changed.slug)
    assert called(lambda: flows.flows_instances_retrieve(changed.slug))[0] == 404


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"slug": "a b"}, "slug"),
        ({"slug": SIGN_IN}, "slug"),
        ({"title": " "}, "title"),
        ({"designation": "fun"}, "designation"),
        ({"authentication": "require_token"}, "authentication"),
        ({"layout": "content_left"}, "layout"),
        ({"background": "/media/sea.jpg"}, "background"),
    ],
)
def test_a_wrong_field_of_a_flow_is_named_and_nothing_is_stored(
    api: ApiHouse, flows: ak.FlowsApi, more: dict[str, str], field: str
) -> None:
    asked = {"name": api.unique("wrong"), "slug": api.unique("wrong"), "title": "t", "designation": "recovery", **more}
    with api.http() as http:
        answer = http.post("/flows/instances/", json=asked)
        assert answer.status_code == 400
        assert list(answer.json()) == [field, "code"]
    assert flows.flows_instances_list(name=asked["name"]).results == []


def test_a_stage_takes_its_place_and_leaves_it(api: ApiHouse, flows: ak.FlowsApi, stages: ak.StagesApi) -> None:
    flow = flows.flows_instances_create(wanted(api))
    stage = stages.stages_deny_create(ak.DenyStageRequest(name=api.unique("deny")))
    asked = ak.FlowStageBindingRequest(target=flow.pk, stage=stage.pk, order=5, invalid_response_action="restart")
    made = flows.flows_bindings_create(asked)
    assert (made.target, made.stage, made.order, made.stage_obj.name) == (flow.pk, stage.pk, 5, stage.name)
    assert made.stage_obj.component == "ak-stage-deny-form"
    assert [one.slug for one in made.stage_obj.flow_set] == [flow.slug]
    assert (made.evaluate_on_plan, made.re_evaluate_policies, made.invalid_response_action) == (False, True, "restart")
    assert flows.flows_bindings_retrieve(made.pk) == made
    assert flows.flows_bindings_list(target=flow.pk, stage=stage.pk, order=5, fsb_uuid=made.pk).results == [made]
    assert (
        flows.flows_bindings_list(target=flow.pk, invalid_response_action=ak.InvalidResponseActionEnum.RETRY).results
        == []
    )
    assert flows.flows_bindings_update(made.pk, asked) == made
    moved = flows.flows_bindings_partial_update(made.pk, ak.PatchedFlowStageBindingRequest(order=7))
    assert moved.order == 7
    assert flows.flows_instances_retrieve(flow.slug).stages == [stage.pk]
    (use,) = flows.flows_instances_used_by_list(flow.slug)
    assert (use.app, use.model_name, use.pk, use.action) == (
        "authentik_flows",
        "flowstagebinding",
        str(made.pk),
        "cascade",
    )
    assert [one.pk for one in stages.stages_deny_used_by_list(stage.pk)] == [str(made.pk)]
    assert flows.flows_bindings_used_by_list(made.pk) == []
    status, body = called(
        lambda: flows.flows_bindings_create(ak.FlowStageBindingRequest(target=flow.pk, stage=stage.pk, order=7))
    )
    assert (status, list(json.loads(body))) == (400, ["order", "code"])
    flows.flows_bindings_destroy(made.pk)
    assert flows.flows_instances_retrieve(flow.slug).stages == []
    flows.flows_instances_destroy(flow.slug)


def test_what_would_let_nobody_in_is_a_conflict_that_names_who_needs_it(
    flows: ak.FlowsApi, stages: ak.StagesApi
) -> None:
    sign_in = flows.flows_instances_retrieve(SIGN_IN)
    login = stages.stages_user_login_list().results[0]
    place = flows.flows_bindings_list(target=sign_in.pk, stage=login.pk).results[0]
    for call in (
        lambda: flows.flows_bindings_destroy(place.pk),
        lambda: flows.flows_bindings_partial_update(place.pk, ak.PatchedFlowStageBindingRequest(order=1)),
        lambda: stages.stages_user_login_destroy(login.pk),
        lambda: stages.stages_all_destroy(login.pk),
        lambda: flows.flows_instances_destroy(SIGN_IN),
        lambda: flows.flows_instances_partial_update(SIGN_IN, ak.PatchedFlowRequest(designation="recovery")),
    ):
        status, body = called(call)
        assert status == 409
        assert "Ostiary's sign-in page" in json.loads(body)["detail"]
    assert flows.flows_bindings_retrieve(place.pk) == place


def test_two_who_change_one_flow_meet(api: ApiHouse, flows: ak.FlowsApi) -> None:
    flow = flows.flows_instances_create(wanted(api))
    with api.http() as http:
        path = f"/flows/instances/{flow.slug}/"
        tag = http.get(path).headers["etag"]
        assert http.patch(path, json={"title": "One"}, headers={"If-Match": tag}).status_code == 200
        late = http.patch(path, json={"title": "Two"}, headers={"If-Match": tag})
        assert (late.status_code, late.json()["code"]) == (412, "api.changed_meanwhile")
        assert http.get(path).json()["title"] == "One"


def test_a_flow_is_drawn_and_told_where_it_runs(api: ApiHouse, flows: ak.FlowsApi) -> None:
    drawn = flows.flows_instances_diagram_retrieve(SIGN_IN).diagram
    assert drawn.startswith("graph TD\n")
    assert drawn.index("identification<br>") < drawn.index("user_login<br>") < drawn.rindex("done")
    assert flows.flows_instances_execute_retrieve(SIGN_IN).link == f"{api.origin}/if/flow/{SIGN_IN}/"
    assert flows.flows_instances_cache_info_retrieve().count == 0
    flows.flows_instances_cache_clear_create()


def test_a_flow_is_exported_as_a_blueprint_that_says_it_whole(api: ApiHouse, flows: ak.FlowsApi) -> None:
    text = flows.flows_instances_export_retrieve(SIGN_IN).decode()
    names = [line.removeprefix("- model: ") for line in text.splitlines() if line.startswith("- model: ")]
    assert sorted(names) == [
        "authentik_flows.flow",
        *["authentik_flows.flowstagebinding"] * 3,
        "authentik_stages_identification.identificationstage",
        "authentik_stages_password.passwordstage",
        "authentik_stages_user_login.userloginstage",
    ]
    assert f"slug: {SIGN_IN}" in text
    assert "password_stage: !KeyOf" in text
    assert "initial-setup" not in text
    reader = ak.FlowsApi(api.client(api.token("authentik_flows.view_flow")))
    assert called(lambda: reader.flows_instances_export_retrieve(SIGN_IN))[0] == 403
    allowed = ak.FlowsApi(api.client(api.token("authentik_flows.view_flow", "authentik_flows.export_flow")))
    assert allowed.flows_instances_export_retrieve(SIGN_IN).decode() == text


def test_only_superusers_change_flows_and_roles_give_sight(api: ApiHouse) -> None:
    reader = ak.FlowsApi(api.client(api.token("authentik_flows.view_flow", "authentik_flows.change_flow")))
    assert reader.flows_instances_retrieve(SIGN_IN).slug == SIGN_IN
    for call in (
        lambda: reader.flows_instances_partial_update(SIGN_IN, ak.PatchedFlowRequest(title="Mine")),
        lambda: reader.flows_instances_create(wanted(api)),
        lambda: reader.flows_instances_execute_retrieve(SIGN_IN),
        reader.flows_instances_cache_clear_create,
        reader.flows_bindings_list,
    ):
        assert called(call)[0] == 403
    nobody = ak.FlowsApi(api.client(api.token()))
    assert called(nobody.flows_instances_list)[0] == 403
    assert called(lambda: nobody.flows_instances_diagram_retrieve(SIGN_IN))[0] == 403
