import json
from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid4

import authentik_client as ak
import pytest

from ostiary.directory.codenames import PERMISSIONS
from ostiary.directory.permissions import Permissions, permissions_of
from ostiary.events.record import COMMAND
from tests.api.house import ApiHouse, called

VIEW, CHANGE = "authentik_core.view_user", "authentik_core.change_user"
MAPPING = "authentik_providers_oauth2.scopemapping"
ROLES = ("view_role", "add_role", "change_role", "delete_role", "assign_role_permissions", "unassign_role_permissions")
ALL_OF_ROLES = tuple(f"authentik_rbac.{name}" for name in ROLES)


@pytest.fixture
def rbac(api: ApiHouse) -> ak.RbacApi:
    return ak.RbacApi(api.client())


def role(api: ApiHouse, rbac: ak.RbacApi, *permissions: str) -> ak.Role:
    made = rbac.rbac_roles_create(ak.RoleRequest(name=api.unique("role")))
    if permissions:
        rbac.rbac_permissions_assigned_by_roles_assign(made.pk, assigned(*permissions))
    return made


def assigned(*permissions: str, model: str | None = None, pk: object = None) -> ak.PermissionAssignRequest:
    return ak.PermissionAssignRequest(
        permissions=list(permissions),
        model=ak.ModelEnum(model) if model else None,
        object_pk=str(pk) if pk is not None else None,
    )


def user(api: ApiHouse) -> int:
    return api.run(api.parts.users.create(api.unique("user"), by=COMMAND)).id


def held(api: ApiHouse, user_id: int) -> Permissions:
    async def read() -> Permissions:
        async with api.parts.database.reading() as r:
            return await permissions_of(r, user_id)

    return api.run(read())


def code(work: Callable[[], object]) -> tuple[int, str]:
    status, body = called(work)
    return status, json.loads(body)["code"]


def test_a_role_lives_from_creation_to_deletion(api: ApiHouse, rbac: ak.RbacApi) -> None:
    made = role(api, rbac)
    assert rbac.rbac_roles_retrieve(made.pk) == made
    assert rbac.rbac_roles_list(name=made.name).results == [made]
    assert rbac.rbac_roles_list(search=made.name.upper()).results == [made]
    assert rbac.rbac_roles_update(made.pk, ak.RoleRequest(name=f"{made.name}-2")).name == f"{made.name}-2"
    assert rbac.rbac_roles_partial_update(made.pk, ak.PatchedRoleRequest(name=made.name)) == made
    assert code(lambda: rbac.rbac_roles_create(ak.RoleRequest(name=made.name))) == (400, "role.name_taken")
    jane = user(api)
    rbac.rbac_roles_add_user_create(made.pk, ak.UserAccountSerializerForRoleRequest(pk=jane))
    rbac.rbac_initial_permissions_create(ak.InitialPermissionsRequest(name=made.name, role=made.pk))
    used = rbac.rbac_roles_used_by_list(made.pk)
    assert [(one.model_name, one.action) for one in used] == [
        ("user", "cascade_many"),
        ("initialpermissions", "cascade"),
    ]
    assert used[0].pk == str(jane)
    rbac.rbac_roles_destroy(made.pk)
    assert called(lambda: rbac.rbac_roles_retrieve(made.pk))[0] == 404
    assert called(lambda: rbac.rbac_roles_retrieve(uuid4()))[0] == 404


def test_roles_are_found_by_who_holds_them(api: ApiHouse, rbac: ak.RbacApi) -> None:
    own, above = role(api, rbac), role(api, rbac)
    parent = api.run(api.parts.groups.create(api.unique("group"), by=COMMAND))
    child = api.run(api.parts.groups.create(api.unique("group"), parents=[parent.name], by=COMMAND))
    jane = user(api)
    api.run(api.parts.groups.add_member(child.id, jane, by=COMMAND))
    api.run(api.parts.roles.add_group(str(above.pk), parent.id, by=COMMAND))
    api.run(api.parts.roles.add_user(str(own.pk), jane, by=COMMAND))
    assert rbac.rbac_roles_list(users=jane).results == [own]
    assert {one.pk for one in rbac.rbac_roles_list(users=jane, inherited=True).results} == {own.pk, above.pk}
    assert rbac.rbac_roles_list(groups=UUID(parent.id)).results == [above]
    assert rbac.rbac_roles_list(groups=UUID(child.id)).results == []
    assert rbac.rbac_roles_list(groups=UUID(child.id), inherited=True).results == [above]
    assert rbac.rbac_roles_list(managed=["goauthentik.io/x"]).results == []
    assert rbac.rbac_roles_list(managed__isnull=False).results == []
    assert rbac.rbac_roles_list(managed__isnull=True, name=own.name).results == [own]


def test_people_get_a_role_and_lose_it(api: ApiHouse, rbac: ak.RbacApi) -> None:
    made, jane = role(api, rbac, VIEW), user(api)
    rbac.rbac_roles_add_user_create(made.pk, ak.UserAccountSerializerForRoleRequest(pk=jane))
    assert held(api, jane).everywhere == {VIEW}
    rbac.rbac_roles_remove_user_create(made.pk, ak.UserAccountSerializerForRoleRequest(pk=jane))
    assert held(api, jane).everywhere == set()
    for change in (rbac.rbac_roles_add_user_create, rbac.rbac_roles_remove_user_create):
        for pk, number in ((made.pk, 2**40), (uuid4(), jane)):
            asked = ak.UserAccountSerializerForRoleRequest(pk=number)
            assert called(partial(change, pk, asked))[0] == 404


def test_permissions_are_listed_searched_and_filtered(api: ApiHouse, rbac: ak.RbacApi) -> None:
    listed = rbac.rbac_permissions_list(page_size=100)
    assert listed.pagination.count == len(PERMISSIONS)
    assert [one.name for one in listed.results] == sorted(one.name for one in listed.results)
    last = rbac.rbac_permissions_list(ordering="-codename", page_size=1).results[0]
    assert last.codename == max(one.short for one in PERMISSIONS.values())
    one = rbac.rbac_permissions_list(codename="view_user").results[0]
    assert (one.model, one.app_label, one.app_label_verbose) == ("user", "authentik_core", "authentik Core")
    assert (one.model_verbose, one.id) == ("User", PERMISSIONS[VIEW].id)
    assert rbac.rbac_permissions_retrieve(one.id) == one
    assert called(lambda: rbac.rbac_permissions_retrieve(1))[0] == 404
    by_app = rbac.rbac_permissions_list(content_type__app_label="authentik_rbac", content_type__model="role").results
    assert {one.codename for one in by_app} == set(ROLES)
    assert [one.codename for one in rbac.rbac_permissions_list(search="reset pass").results] == ["reset_user_password"]
    made = role(api, rbac, VIEW, CHANGE)
    assert {one.codename for one in rbac.rbac_permissions_list(role=str(made.pk)).results} == {
        "view_user",
        "change_user",
    }
    assert code(lambda: rbac.rbac_permissions_list(role=str(uuid4()))) == (400, "role.not_found")
    assert code(lambda: rbac.rbac_permissions_list(ordering="size")) == (400, "api.ordering_unknown")


def test_permissions_are_assigned_for_all_objects_and_for_one(api: ApiHouse, rbac: ak.RbacApi) -> None:
    made, other = role(api, rbac), role(api, rbac)
    answer = rbac.rbac_permissions_assigned_by_roles_assign(made.pk, assigned(VIEW, CHANGE))
    assert len({one.id for one in answer}) == 2
    again = rbac.rbac_permissions_assigned_by_roles_assign(made.pk, assigned(CHANGE))
    assert again == answer[1:]
    rbac.rbac_permissions_assigned_by_roles_assign(
        made.pk, assigned("authentik_rbac.view_role", model="authentik_rbac.role", pk=other.pk)
    )
    of_users = rbac.rbac_permissions_assigned_by_roles_list(model="authentik_core.user", search=made.name).results
    assert [(one.role_pk, one.name) for one in of_users] == [(str(made.pk), made.name)]
    assert [one.codename for one in of_users[0].model_permissions] == ["change_user", "view_user"]
    assert of_users[0].object_permissions == []
    of_one = rbac.rbac_permissions_assigned_by_roles_list(model="authentik_rbac.role", object_pk=str(other.pk)).results
    assert [one.name for one in of_one] == [made.name]
    assert [(one.codename, one.object_pk) for one in of_one[0].object_permissions] == [("view_role", str(other.pk))]
    assert rbac.rbac_permissions_assigned_by_roles_list(model="authentik_rbac.role", object_pk="x").results == []
    assert code(lambda: rbac.rbac_permissions_assigned_by_roles_list(model="a.b")) == (400, "permission.model_unknown")
    shown = rbac.rbac_permissions_roles_list(uuid=made.pk).results
    assert [(one.codename, one.model, one.app_label) for one in shown] == [("view_role", "role", "authentik_rbac")]
    assert (shown[0].object_pk, shown[0].object_description) == (str(other.pk), f"Role {other.name}")
    assert (shown[0].app_label_verbose, shown[0].model_verbose) == ("authentik Rbac", "Role")
    rbac.rbac_permissions_assigned_by_roles_unassign_partial_update(
        made.pk, ak.PatchedPermissionAssignRequest(permissions=[VIEW])
    )
    assert [one.codename for one in rbac.rbac_permissions_list(role=str(made.pk)).results] == ["change_user"]
    rbac.rbac_roles_destroy(other.pk)
    assert rbac.rbac_permissions_roles_list(uuid=made.pk).results == []


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        (assigned("authentik_flows.change_flow"), "permission.superusers_only"),
        (assigned("view_user"), "permission.unknown"),
        (assigned(VIEW, model="authentik_core.group"), "permission.other_model"),
        (assigned(VIEW, "authentik_core.view_group", pk=1), "permission.other_model"),
        (assigned("authentik_core.add_user", pk=1), "permission.not_of_one_object"),
        (assigned("authentik_rbac.view_role", pk="none"), "permission.object_unknown"),
        (assigned("authentik_rbac.view_initialpermissions", pk="٣"), "permission.object_unknown"),
        (assigned(VIEW, pk=2**70), "permission.object_unknown"),
        (assigned(VIEW, pk="\N{SNOWMAN}"), "permission.object_unknown"),
        (assigned("authentik_rbac.view_role", pk="\0"), "invalid"),
        (assigned(VIEW, model="authentik_enterprise.license"), "permission.model_unknown"),
    ],
)
def test_what_no_role_can_hold_is_refused_and_nothing_is_stored(
    api: ApiHouse, rbac: ak.RbacApi, asked: ak.PermissionAssignRequest, refusal: str
) -> None:
    made = role(api, rbac)
    assert code(lambda: rbac.rbac_permissions_assigned_by_roles_assign(made.pk, asked)) == (400, refusal)
    assert rbac.rbac_permissions_list(role=str(made.pk)).results == []
    assert rbac.rbac_permissions_roles_list(uuid=made.pk).results == []


def test_initial_permissions_live_from_creation_to_deletion(api: ApiHouse, rbac: ak.RbacApi) -> None:
    holder, other = role(api, rbac), role(api, rbac)
    numbers = sorted(PERMISSIONS[name].id for name in (VIEW, CHANGE))
    name = api.unique("initial")
    made = rbac.rbac_initial_permissions_create(
        ak.InitialPermissionsRequest(name=name, role=holder.pk, permissions=numbers)
    )
    assert sorted(made.permissions or []) == numbers
    assert {one.codename for one in made.permissions_obj} == {"view_user", "change_user"}
    assert rbac.rbac_initial_permissions_retrieve(made.pk) == made
    assert rbac.rbac_initial_permissions_list(name=name).results == [made]
    patched = rbac.rbac_initial_permissions_partial_update(
        made.pk, ak.PatchedInitialPermissionsRequest(permissions=[PERMISSIONS[VIEW].id])
    )
    assert (patched.permissions, patched.role) == ([PERMISSIONS[VIEW].id], holder.pk)
    changed = rbac.rbac_initial_permissions_update(
        made.pk, ak.InitialPermissionsRequest(name=f"{name}-2", role=other.pk)
    )
    assert (changed.name, changed.role) == (f"{name}-2", other.pk)
    assert rbac.rbac_initial_permissions_used_by_list(made.pk) == []
    for asked, refusal in (
        (ak.PatchedInitialPermissionsRequest(permissions=[1]), "permission.unknown"),
        (
            ak.PatchedInitialPermissionsRequest(permissions=[PERMISSIONS["authentik_core.add_user"].id]),
            "permission.not_of_one_object",
        ),
        (ak.PatchedInitialPermissionsRequest(role=uuid4()), "role.not_found"),
    ):
        assert code(partial(rbac.rbac_initial_permissions_partial_update, made.pk, asked)) == (400, refusal)
    rbac.rbac_initial_permissions_destroy(made.pk)
    assert called(lambda: rbac.rbac_initial_permissions_retrieve(made.pk))[0] == 404


def test_who_makes_an_object_may_do_to_it_what_their_role_says(api: ApiHouse, rbac: ak.RbacApi) -> None:
    username = api.unique("maker")
    key = api.token("authentik_providers_oauth2.add_scopemapping", username=username)
    mappings = ak.PropertymappingsApi(api.client(key))
    maker = rbac.rbac_roles_list(name=f"of {username}").results[0]

    def make() -> ak.ScopeMapping:
        name = api.unique("mapping")
        return mappings.propertymappings_provider_scope_create(
            ak.ScopeMappingRequest(name=name, scope_name=f"X-{name}", expression="user.name")
        )

    before = make()
    names = [f"authentik_providers_oauth2.{verb}_scopemapping" for verb in ("view", "change")]
    rbac.rbac_initial_permissions_create(
        ak.InitialPermissionsRequest(
            name=username, role=maker.pk, permissions=[PERMISSIONS[name].id for name in [*names, VIEW]]
        )
    )
    mine = make()
    assert [one.pk for one in mappings.propertymappings_provider_scope_list().results] == [mine.pk]
    patch = ak.PatchedScopeMappingRequest(expression="user.email")
    assert mappings.propertymappings_provider_scope_partial_update(mine.pk, patch).expression == "user.email"
    assert called(lambda: mappings.propertymappings_provider_scope_destroy(mine.pk))[0] == 403
    assert called(lambda: mappings.propertymappings_provider_scope_retrieve(before.pk))[0] == 404


def test_without_a_permission_nothing_of_roles_is_shown_or_done(api: ApiHouse, rbac: ak.RbacApi) -> None:
    made = role(api, rbac)
    somebody = ak.RbacApi(api.client(api.token()))
    asked = ak.UserAccountSerializerForRoleRequest(pk=1)
    for call in (
        somebody.rbac_roles_list,
        lambda: somebody.rbac_roles_retrieve(made.pk),
        lambda: somebody.rbac_roles_create(ak.RoleRequest(name="x")),
        lambda: somebody.rbac_roles_partial_update(made.pk, ak.PatchedRoleRequest(name="x")),
        lambda: somebody.rbac_roles_destroy(made.pk),
        lambda: somebody.rbac_roles_add_user_create(made.pk, asked),
        lambda: somebody.rbac_permissions_assigned_by_roles_list(model="authentik_core.user"),
        lambda: somebody.rbac_permissions_assigned_by_roles_assign(made.pk, assigned(VIEW)),
        lambda: somebody.rbac_permissions_assigned_by_roles_unassign_partial_update(made.pk),
        somebody.rbac_permissions_roles_list,
        somebody.rbac_initial_permissions_list,
    ):
        assert code(call) == (403, "api.not_allowed")
    assert somebody.rbac_permissions_list().pagination.count == len(PERMISSIONS)
    assert code(lambda: somebody.rbac_permissions_list(role=str(made.pk))) == (400, "role.not_found")
    with api.http("") as http:
        assert http.get("/rbac/permissions/").status_code == 403


def test_who_may_see_one_role_sees_that_one_alone(api: ApiHouse, rbac: ak.RbacApi) -> None:
    one, other = role(api, rbac, VIEW), role(api, rbac, VIEW)
    see = "authentik_rbac.view_role"
    somebody = ak.RbacApi(api.client(api.token((see, one.pk), ("authentik_rbac.assign_role_permissions", other.pk))))
    listed = somebody.rbac_roles_list()
    assert (listed.results, listed.pagination.count) == ([one], 1)
    of_users = somebody.rbac_permissions_assigned_by_roles_list(model="authentik_core.user")
    assert ([row.name for row in of_users.results], of_users.pagination.count) == ([one.name], 1)
    assert code(lambda: somebody.rbac_permissions_assigned_by_roles_assign(one.pk, assigned())) == (
        403,
        "api.not_allowed",
    )
    assert called(lambda: somebody.rbac_permissions_assigned_by_roles_assign(other.pk, assigned()))[0] == 404


@pytest.mark.parametrize("number", [1, 600])
def test_however_many_single_objects_somebody_may_see(api: ApiHouse, rbac: ak.RbacApi, number: int) -> None:
    see = "authentik_rbac.view_role"
    mine = [role(api, rbac), role(api, rbac)]
    somebody = ak.RbacApi(api.client(api.token(*((see, one.pk) for one in mine), *((see, at) for at in range(number)))))
    listed = somebody.rbac_roles_list()
    assert (listed.results, listed.pagination.count) == (mine, 2)


def test_who_administers_roles_raises_nobody_above_themselves(api: ApiHouse, rbac: ak.RbacApi) -> None:
    username = api.unique("delegate")
    delegate = ak.RbacApi(api.client(api.token(*ALL_OF_ROLES, VIEW, username=username)))
    own = rbac.rbac_roles_list(name=f"of {username}").results[0]
    low, high = role(api, rbac), role(api, rbac, CHANGE)
    jane, root = user(api), user(api)
    top = api.run(api.parts.groups.create(api.unique("top"), is_superuser=True, by=COMMAND))
    api.run(api.parts.groups.add_member(top.id, root, by=COMMAND))
    raises = (403, "permission.raises")
    somebody, admin = (ak.UserAccountSerializerForRoleRequest(pk=pk) for pk in (jane, root))
    # Whom they may see, whoever of them it is.
    for name, call in {
        "more into their own role": lambda: delegate.rbac_permissions_assigned_by_roles_assign(
            own.pk, assigned(CHANGE)
        ),
        "more into another": lambda: delegate.rbac_permissions_assigned_by_roles_assign(low.pk, assigned(VIEW, CHANGE)),
        "something into a higher one": lambda: delegate.rbac_permissions_assigned_by_roles_assign(
            high.pk, assigned(VIEW)
        ),
        "a higher role to somebody": lambda: delegate.rbac_roles_add_user_create(high.pk, somebody),
        "a higher role from somebody": lambda: delegate.rbac_roles_remove_user_create(high.pk, somebody),
        "a role to a superuser": lambda: delegate.rbac_roles_add_user_create(low.pk, admin),
        "a higher role renamed": lambda: delegate.rbac_roles_partial_update(
            high.pk, ak.PatchedRoleRequest(name="mine")
        ),
        "a higher role deleted": lambda: delegate.rbac_roles_destroy(high.pk),
        "a higher role made less": lambda: delegate.rbac_permissions_assigned_by_roles_unassign_partial_update(
            high.pk, ak.PatchedPermissionAssignRequest(permissions=[CHANGE])
        ),
    }.items():
        assert code(call) == raises, name
    with api.http(api.token(*ALL_OF_ROLES, VIEW)) as http:
        answer = http.post("/rbac/roles/", json={"name": api.unique("role"), "permissions": [CHANGE]})
        assert (answer.status_code, answer.json()["code"]) == raises
        answer = http.patch(f"/rbac/roles/{low.pk}/", json={"permissions": [VIEW, CHANGE]})
        assert (answer.status_code, answer.json()["code"]) == raises
        answer = http.patch(f"/rbac/roles/{low.pk}/", json={"permissions": [VIEW]})
        assert answer.status_code == 200
    delegate.rbac_roles_add_user_create(low.pk, somebody)
    assert held(api, jane).everywhere == {VIEW}


def test_initial_permissions_are_no_way_up(api: ApiHouse, rbac: ak.RbacApi) -> None:
    username = api.unique("delegate")
    allowed = [f"authentik_rbac.{verb}_initialpermissions" for verb in ("view", "add", "change", "delete")]
    delegate = ak.RbacApi(api.client(api.token(*ALL_OF_ROLES, *allowed, VIEW, username=username)))
    own = rbac.rbac_roles_list(name=f"of {username}").results[0]
    high = role(api, rbac, CHANGE)
    theirs = rbac.rbac_initial_permissions_create(
        ak.InitialPermissionsRequest(name=api.unique("initial"), role=high.pk)
    )
    mine = delegate.rbac_initial_permissions_create(
        ak.InitialPermissionsRequest(name=api.unique("initial"), role=own.pk, permissions=[PERMISSIONS[VIEW].id])
    )
    more = [PERMISSIONS[CHANGE].id]
    for name, call in {
        "more, new": lambda: delegate.rbac_initial_permissions_create(
            ak.InitialPermissionsRequest(name="x", role=own.pk, permissions=more)
        ),
        "more": lambda: delegate.rbac_initial_permissions_partial_update(
            mine.pk, ak.PatchedInitialPermissionsRequest(permissions=more)
        ),
        "to a higher role": lambda: delegate.rbac_initial_permissions_partial_update(
            mine.pk, ak.PatchedInitialPermissionsRequest(role=high.pk)
        ),
        "of a higher role": lambda: delegate.rbac_initial_permissions_partial_update(
            theirs.pk, ak.PatchedInitialPermissionsRequest(name="mine")
        ),
        "deleted": lambda: delegate.rbac_initial_permissions_destroy(theirs.pk),
    }.items():
        assert code(call) == (403, "permission.raises"), name
    delegate.rbac_initial_permissions_destroy(mine.pk)


def test_what_somebody_may_open_is_told_to_whoever_may_know(api: ApiHouse) -> None:
    open_to_all = api.run(api.parts.applications.create(api.unique("app"), access="everyone", by=COMMAND))
    jane = user(api)
    for held, status in (((VIEW,), 400), ((VIEW, "authentik_core.view_user_applications"), 200)):
        with api.http(api.token(*held)) as http:
            answer = http.get(f"/core/applications/{open_to_all.slug}/check_access/", params={"for_user": jane})
            assert answer.status_code == status, answer.text
