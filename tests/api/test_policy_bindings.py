"""What is bound to what, as authentik's client drives it."""

import json
from functools import partial
from typing import Any

import authentik_client as ak
import pytest
from sqlalchemy import select

from ostiary.flows.models import Flow, StageBinding
from tests.api.house import ApiHouse, called


class World:
    """Objects to bind and to bind to."""

    def __init__(self, api: ApiHouse) -> None:
        self.api = api
        self.policies = ak.PoliciesApi(api.client())
        core = ak.CoreApi(api.client())
        self.slug = slug = api.unique("app")
        self.application = core.core_applications_create(ak.ApplicationRequest(name=slug, slug=slug)).pk
        self.group = core.core_groups_create(ak.GroupRequest(name=api.unique("staff"))).pk
        username = api.unique("ada")
        self.user = core.core_users_create(ak.UserRequest(username=username, name="Ada")).pk
        self.policy = self.policies.policies_expression_create(
            ak.ExpressionPolicyRequest(name=api.unique("policy"), expression="true")
        ).pk
        self.core = core

    def of_flow(self) -> tuple[str, str]:
        """A flow and a stage's place in another."""

        async def find() -> tuple[str, str]:
            async with self.api.parts.database.reading() as r:
                slug = "default-provider-authorization-implicit-consent"
                flow = await r.scalar(select(Flow.id).where(Flow.slug == slug))
                place = await r.scalar(
                    select(StageBinding.id).join(Flow).where(Flow.slug == "default-invalidation-flow")
                )
                return str(flow), str(place)

        return self.api.run(find())

    def bind(self, **values: Any) -> ak.PolicyBinding:
        return self.policies.policies_bindings_create(ak.PolicyBindingRequest(**{"order": 0, **values}))


@pytest.fixture
def world(api: ApiHouse) -> World:
    return World(api)


def test_a_binding_lives_from_creation_to_deletion(world: World) -> None:
    policies = world.policies
    made = world.bind(target=world.application, policy=world.policy, order=3, timeout=5, failure_result=True)
    assert (str(made.target), made.policy, made.group, made.user) == (str(world.application), world.policy, None, None)
    assert (made.order, made.timeout, made.failure_result, made.negate, made.enabled) == (3, 5, True, False, True)
    assert made.policy_obj is not None
    assert (made.policy_obj.pk, made.policy_obj.bound_to, made.expiring, made.expires) == (world.policy, 1, False, None)
    pk = made.pk
    assert policies.policies_bindings_retrieve(pk) == made
    used = policies.policies_expression_used_by_list(world.policy)
    assert [(one.model_name, one.pk) for one in used] == [("policybinding", str(pk))]
    assert len(policies.policies_all_list(bindings__isnull=False, search=made.policy_obj.name).results) == 1
    changed = policies.policies_bindings_partial_update(pk, ak.PatchedPolicyBindingRequest(negate=True))
    assert (changed.negate, changed.policy) == (True, world.policy)
    to_group = policies.policies_bindings_update(
        pk, ak.PolicyBindingRequest(target=world.application, group=world.group, order=1)
    )
    assert (to_group.group, to_group.policy, to_group.order) == (world.group, None, 1)
    assert to_group.group_obj is not None
    assert to_group.group_obj.pk == world.group
    to_user = policies.policies_bindings_partial_update(pk, ak.PatchedPolicyBindingRequest(user=world.user, group=None))
    assert to_user.user_obj is not None
    assert (to_user.user_obj.pk, to_user.group) == (world.user, None)
    assert policies.policies_bindings_used_by_list(pk) == []
    policies.policies_bindings_destroy(pk)
    assert called(lambda: policies.policies_bindings_retrieve(pk))[0] == 404


def test_bindings_are_found_by_what_they_tie(world: World) -> None:
    other = World(world.api)
    first = world.bind(target=world.application, policy=world.policy, order=1)
    second = world.bind(target=world.application, group=world.group, order=2, enabled=False, timeout=7)
    third = world.bind(target=other.application, user=world.user)
    flow, place = world.of_flow()
    fourth = world.bind(target=flow, policy=world.policy)
    fifth = world.bind(target=place, policy=world.policy, negate=False)
    find = world.policies.policies_bindings_list

    def keys(**filters: Any) -> list[Any]:
        return [one.pk for one in find(**filters).results]

    assert keys(target=world.application) == [first.pk, second.pk]
    assert keys(target=world.application, ordering="-order") == [second.pk, first.pk]
    assert keys(target_in=[other.application, flow]) in ([third.pk, fourth.pk], [fourth.pk, third.pk])
    assert keys(target=place) == [fifth.pk]
    assert set(keys(policy=world.policy)) == {first.pk, fourth.pk, fifth.pk}
    assert keys(target=world.application, policy__isnull=True) == [second.pk]
    assert keys(target=world.application, enabled=True) == [first.pk]
    assert keys(target=world.application, order=2) == [second.pk]
    assert keys(target=world.application, timeout=7) == [second.pk]
    assert first.policy_obj is not None
    assert set(keys(search=first.policy_obj.name)) == {first.pk, fourth.pk, fifth.pk}
    for one in (fourth, fifth):
        world.policies.policies_bindings_destroy(one.pk)


def test_exactly_one_is_bound_and_once(world: World) -> None:
    both: dict[str, Any] = {"policy": world.policy, "group": world.group}
    for values in ({}, both):
        status, body = called(partial(world.bind, target=world.application, **values))
        assert (status, json.loads(body)["code"]) == (400, "binding.target_missing")
        assert "non_field_errors" in json.loads(body)
    nobody = "00000000-0000-0000-0000-000000000000"
    unknown: tuple[tuple[dict[str, Any], str], ...] = (
        ({"target": nobody, "policy": world.policy}, "target"),
        ({"target": world.application, "policy": nobody}, "policy"),
        ({"target": world.application, "group": nobody}, "group"),
        ({"target": world.application, "user": 2**40}, "user"),
    )
    for values, field in unknown:
        status, body = called(partial(world.bind, **values))
        assert (status, field in json.loads(body)) == (400, True)
    made = world.bind(target=world.application, group=world.group)
    status, body = called(lambda: world.bind(target=world.application, group=world.group, order=9))
    assert (status, json.loads(body)["code"]) == (400, "binding.exists")
    status, _ = called(
        lambda: world.policies.policies_bindings_partial_update(made.pk, ak.PatchedPolicyBindingRequest(group=None))
    )
    assert status == 400
    judge = world.policies.policies_password_create(ak.PasswordPolicyRequest(name=world.api.unique("judge")))
    status, body = called(lambda: world.bind(target=world.application, policy=judge.pk))
    assert (status, json.loads(body)["code"]) == (400, "binding.password_policy")
    world.policies.policies_password_destroy(judge.pk)


def test_a_binding_decides_who_may_open_the_application(world: World) -> None:
    app = world.core.core_applications_list(search=str(world.application)).results
    slug = next(
        one.slug for one in world.core.core_applications_list(page_size=100).results if one.pk == world.application
    )
    assert app == []

    def opens() -> bool:
        return world.core.core_applications_check_access_retrieve(slug, for_user=world.user).passing

    assert opens()
    made = world.bind(target=world.application, group=world.group)
    assert not opens()
    world.policies.policies_bindings_partial_update(made.pk, ak.PatchedPolicyBindingRequest(negate=True))
    assert opens()
    world.policies.policies_bindings_destroy(made.pk)
    # Nothing that disappears opens a door.
    assert not opens()


def test_delegates_bind_what_they_see_and_nothing_to_flows(world: World) -> None:
    flow, place = world.of_flow()
    kept = world.bind(target=flow, policy=world.policy)
    verbs = [f"authentik_policies.{verb}_policybinding" for verb in ("view", "add", "change", "delete")]
    more = [f"authentik_policies_expression.{verb}_expressionpolicy" for verb in ("view", "change", "delete")]
    token = world.api.token(*verbs, *more, ("authentik_core.view_application", world.application))
    mine = ak.PoliciesApi(world.api.client(token))
    other = World(world.api)

    def refused(work: Any) -> tuple[int, str]:
        status, body = called(work)
        return status, json.loads(body).get("code", "")

    def bind(**values: Any) -> Any:
        return mine.policies_bindings_create(ak.PolicyBindingRequest(**{"order": 0, **values}))

    made = bind(target=world.application, policy=world.policy)
    assert made.policy_obj is not None
    assert refused(lambda: bind(target=other.application, policy=world.policy)) == (400, "binding.target_unknown")
    assert refused(lambda: bind(target=world.application, group=world.group)) == (400, "binding.subject_unknown")
    for target in (flow, place):
        assert refused(lambda target=target: bind(target=target, policy=world.policy)) == (403, "permission.raises")
        moved = ak.PatchedPolicyBindingRequest(target=target)
        assert refused(lambda moved=moved: mine.policies_bindings_partial_update(made.pk, moved)) == (
            403,
            "permission.raises",
        )
    assert refused(lambda: mine.policies_bindings_destroy(kept.pk)) == (403, "permission.raises")
    rewritten = ak.PatchedExpressionPolicyRequest(expression="false")
    assert refused(lambda: mine.policies_expression_partial_update(world.policy, rewritten)) == (
        403,
        "permission.raises",
    )
    assert refused(lambda: mine.policies_expression_destroy(world.policy)) == (403, "permission.raises")
    status, code = refused(lambda: world.policies.policies_expression_destroy(world.policy))
    assert (status, code) == (409, "policy.in_use")
    # Groups that they may not see are not shown beside bindings that they may.
    group = world.bind(target=world.application, group=world.group)
    shown = mine.policies_bindings_retrieve(group.pk)
    assert (shown.group, shown.group_obj) == (world.group, None)
    world.policies.policies_bindings_destroy(kept.pk)
    assert mine.policies_expression_partial_update(world.policy, rewritten).expression == "false"


def test_no_search_finds_a_binding_by_what_the_caller_may_not_see(world: World, api: ApiHouse) -> None:
    bound = {
        word: str(world.bind(target=world.application, order=order, **{word: getattr(world, word)}).pk)
        for order, word in enumerate(("policy", "group", "user"))
    }
    texts = {
        "policy": world.policies.policies_all_retrieve(world.policy).name,
        "group": world.core.core_groups_retrieve(world.group).name,
        "user": world.core.core_users_retrieve(world.user).username,
    }
    sight = "authentik_policies.view_policybinding"
    seers = {
        "policy": ("authentik_policies_expression.view_expressionpolicy", world.policy),
        "group": ("authentik_core.view_group", world.group),
        "user": ("authentik_core.view_user", world.user),
    }
    for held, found in ((sight,), set()), *(((sight, seers[word]), {word}) for word in bound):
        with api.http(api.token(*held)) as http:
            path, target = "/policies/bindings/", {"target": str(world.application)}
            assert http.get(path, params=target).json()["pagination"]["count"] == 3
            for word, text in texts.items():
                answer = http.get(path, params={**target, "search": text}).json()
                keys = [one["pk"] for one in answer["results"]]
                assert keys == ([bound[word]] if word in found else []), (held, word)
