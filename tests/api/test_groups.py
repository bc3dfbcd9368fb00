import json
from typing import Any
from uuid import UUID

import authentik_client as ak
import pytest

from ostiary.events.record import COMMAND
from tests.api.house import ApiHouse, called


@pytest.fixture
def core(api: ApiHouse) -> ak.CoreApi:
    return ak.CoreApi(api.client())


def person(api: ApiHouse) -> Any:
    return api.run(api.parts.users.create(api.unique("user"), name="Somebody", by=COMMAND))


def role(api: ApiHouse) -> Any:
    return api.run(api.parts.roles.create(api.unique("role"), by=COMMAND))


def code(refused: tuple[int, Any]) -> tuple[int, str]:
    return refused[0], json.loads(refused[1])["code"]


def test_a_group_lives_from_creation_to_deletion(api: ApiHouse, core: ak.CoreApi) -> None:
    above = core.core_groups_create(ak.GroupRequest(name=api.unique("top")))
    held, ada, bob = role(api), person(api), person(api)
    name = api.unique("staff")
    group = core.core_groups_create(
        ak.GroupRequest(
            name=name, parents=[above.pk], users=[ada.id], attributes={"floor": 3}, roles=[held.id], is_superuser=False
        )
    )
    assert (group.name, group.users, group.attributes, group.parents) == (name, [ada.id], {"floor": 3}, [above.pk])
    assert [(one.pk, one.username, one.uid) for one in group.users_obj or []] == [(ada.id, ada.username, ada.uuid)]
    assert [(str(one.pk), one.name) for one in group.roles_obj] == [(held.id, held.name)]
    assert (group.parents_obj, group.children_obj, group.inherited_roles_obj) == (None, None, None)
    assert core.core_groups_retrieve(group.pk) == group
    assert core.core_groups_list(name=name).results == [group]
    put = core.core_groups_update(group.pk, ak.GroupRequest(name=f"{name}2", users=[bob.id], roles=[], parents=[]))
    assert (put.name, put.users, put.roles, put.parents, put.attributes) == (f"{name}2", [bob.id], [], [], {"floor": 3})
    patched = core.core_groups_partial_update(group.pk, ak.PatchedGroupRequest(attributes={}, parents=[above.pk]))
    assert (patched.attributes, patched.users) == ({}, [bob.id])
    assert [one.pk for one in core.core_groups_used_by_list(above.pk)] == [str(group.pk)]
    core.core_groups_destroy(group.pk)
    assert called(lambda: core.core_groups_retrieve(group.pk))[0] == 404


def test_what_was_read_can_be_put_back_and_changes_nothing(api: ApiHouse, core: ak.CoreApi) -> None:
    group = core.core_groups_create(
        ak.GroupRequest(name=api.unique("back"), users=[person(api).id], roles=[role(api).id], attributes={"a": "b"})
    )
    body = ak.GroupRequest.from_dict(group.to_dict())
    assert body is not None
    assert core.core_groups_update(group.pk, body) == group


def test_relatives_members_and_inherited_roles_come_as_asked_for(api: ApiHouse, core: ak.CoreApi) -> None:
    held, ada = role(api), person(api)
    top = core.core_groups_create(ak.GroupRequest(name=api.unique("top"), roles=[held.id]))
    middle = core.core_groups_create(ak.GroupRequest(name=api.unique("middle"), parents=[top.pk]))
    low = core.core_groups_create(ak.GroupRequest(name=api.unique("low"), parents=[middle.pk], users=[ada.id]))
    shown = core.core_groups_retrieve(
        middle.pk, include_children=True, include_parents=True, include_inherited_roles=True, include_users=False
    )
    assert [one.pk for one in shown.parents_obj or []] == [top.pk]
    assert [(one.pk, one.group_uuid) for one in shown.children_obj or []] == [(low.pk, low.pk)]
    assert shown.children == [low.pk]
    assert [str(one.pk) for one in shown.inherited_roles_obj or []] == [held.id]
    assert (shown.users, shown.users_obj) == (None, None)
    listed = core.core_groups_list(search=low.name, include_inherited_roles=True).results[0]
    assert [str(one.pk) for one in listed.inherited_roles_obj or []] == [held.id]
    assert listed.roles_obj == []
    assert listed.users == [ada.id]


def test_lists_are_filtered_and_ordered(api: ApiHouse, core: ak.CoreApi) -> None:
    mark, ada, bob = api.unique("mark"), person(api), person(api)
    for letter, users, more in (
        ("a", [ada.id], {"attributes": {"x": mark}}),
        ("b", [ada.id, bob.id], {"is_superuser": True}),
        ("c", [], {}),
    ):
        core.core_groups_create(ak.GroupRequest(name=f"{letter} {mark}", users=users, **more))

    def names(**query: Any) -> list[str]:
        return [group.name[0] for group in core.core_groups_list(search=mark.upper(), **query).results]

    assert names() == ["a", "b", "c"]
    assert names(ordering="-name") == ["c", "b", "a"]
    assert names(name=f"b {mark}") == ["b"]
    assert names(is_superuser=True) == ["b"]
    assert names(is_superuser=False) == ["a", "c"]
    assert names(members_by_pk=[bob.id]) == ["b"]
    assert names(members_by_username=[ada.username]) == ["a", "b"]
    assert names(attributes=json.dumps({"x": mark})) == ["a"]


def test_one_member_comes_and_goes(api: ApiHouse, core: ak.CoreApi) -> None:
    group, ada = core.core_groups_create(ak.GroupRequest(name=api.unique("one"))), person(api)
    asked = ak.UserAccountRequest(pk=ada.id)
    for _ in range(2):
        core.core_groups_add_user_create(group.pk, asked)
    assert core.core_groups_retrieve(group.pk).users == [ada.id]
    for _ in range(2):
        core.core_groups_remove_user_create(group.pk, asked)
    assert core.core_groups_retrieve(group.pk).users == []
    nobody = ak.UserAccountRequest(pk=99_999_999)
    assert called(lambda: core.core_groups_add_user_create(group.pk, nobody))[0] == 404
    missing = UUID(int=0)
    assert called(lambda: core.core_groups_add_user_create(missing, asked))[0] == 404


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("name", "a|b", "group.name_invalid"),
        ("name", "", "invalid"),
        ("parents", ["00000000-0000-0000-0000-000000000000"], "group.not_found"),
        ("users", [99_999_999], "user.not_found"),
        ("users", [2**70], "invalid"),
        ("users", ["x"], "invalid"),
        ("roles", ["00000000-0000-0000-0000-000000000000"], "role.not_found"),
        ("attributes", {"deep": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}, "attributes.invalid"),
        ("is_superuser", "perhaps", "invalid"),
    ],
)
def test_one_wrong_field_is_named_and_nothing_is_stored(
    api: ApiHouse, core: ak.CoreApi, field: str, value: Any, expected: str
) -> None:
    name = api.unique("wrong")
    with api.http() as http:
        answer = http.post("/core/groups/", json={"name": name, field: value})
        assert (answer.status_code, answer.json()["code"]) == (400, expected)
        assert field in answer.json()
    assert core.core_groups_list(name=name).results == []


def test_no_circle_and_no_second_name(api: ApiHouse, core: ak.CoreApi) -> None:
    top = core.core_groups_create(ak.GroupRequest(name=api.unique("top")))
    low = core.core_groups_create(ak.GroupRequest(name=api.unique("low"), parents=[top.pk]))
    circle = ak.PatchedGroupRequest(parents=[low.pk], attributes={"half": "done"})
    assert code(called(lambda: core.core_groups_partial_update(top.pk, circle))) == (400, "group.circle")
    assert core.core_groups_retrieve(top.pk).attributes == {}
    taken = ak.PatchedGroupRequest(name=top.name)
    assert code(called(lambda: core.core_groups_partial_update(low.pk, taken))) == (400, "group.name_taken")


def test_a_delegated_administrator_makes_no_superusers(api: ApiHouse, core: ak.CoreApi) -> None:
    key = api.token(
        *(f"authentik_core.{one}" for one in ("view_group", "add_group", "change_group", "delete_group")),
        "authentik_core.add_user_to_group",
        "authentik_core.remove_user_from_group",
        "authentik_rbac.change_role",
    )
    mine = ak.CoreApi(api.client(key))
    me = mine.core_users_me_retrieve().user.pk
    powerful = role(api)
    api.run(api.parts.roles.permit(powerful.id, ["authentik_core.delete_application"], by=COMMAND))
    admins = core.core_groups_create(ak.GroupRequest(name=api.unique("admins"), is_superuser=True))
    team = mine.core_groups_create(ak.GroupRequest(name=api.unique("team"), users=[me]))
    asked = ak.UserAccountRequest(pk=me)
    for attempt in (
        lambda: mine.core_groups_create(ak.GroupRequest(name=api.unique("x"), is_superuser=True, users=[me])),
        lambda: mine.core_groups_create(ak.GroupRequest(name=api.unique("x"), parents=[admins.pk], users=[me])),
        lambda: mine.core_groups_create(ak.GroupRequest(name=api.unique("x"), roles=[powerful.id], users=[me])),
        lambda: mine.core_groups_partial_update(team.pk, ak.PatchedGroupRequest(is_superuser=True)),
        lambda: mine.core_groups_partial_update(team.pk, ak.PatchedGroupRequest(parents=[admins.pk])),
        lambda: mine.core_groups_partial_update(team.pk, ak.PatchedGroupRequest(roles=[powerful.id])),
        lambda: mine.core_groups_partial_update(admins.pk, ak.PatchedGroupRequest(users=[me])),
        lambda: mine.core_groups_partial_update(admins.pk, ak.PatchedGroupRequest(is_superuser=False)),
        lambda: mine.core_groups_add_user_create(admins.pk, asked),
        lambda: mine.core_groups_remove_user_create(admins.pk, asked),
        lambda: mine.core_groups_destroy(admins.pk),
    ):
        assert code(called(attempt)) == (403, "permission.raises")
    assert not mine.core_users_me_retrieve().user.is_superuser
    assert core.core_groups_retrieve(admins.pk) == admins


def test_one_group_can_be_given_to_somebody_to_look_after(api: ApiHouse, core: ak.CoreApi) -> None:
    group = core.core_groups_create(ak.GroupRequest(name=api.unique("garden")))
    other = core.core_groups_create(ak.GroupRequest(name=api.unique("other")))
    key = api.token(("authentik_core.add_user_to_group", str(group.pk)))
    mine, asked = ak.CoreApi(api.client(key)), ak.UserAccountRequest(pk=person(api).id)
    mine.core_groups_add_user_create(group.pk, asked)
    assert called(lambda: mine.core_groups_add_user_create(other.pk, asked))[0] == 404
    assert called(lambda: mine.core_groups_remove_user_create(group.pk, asked))[0] == 403
    assert called(mine.core_groups_list)[0] == 403


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"\\udfff": 1}', '{"a": "\\u0000"}', '{"a": {"b": "\\u0000"}}'])
def test_no_database_is_asked_for_attributes_that_none_holds(api: ApiHouse, text: str) -> None:
    with api.http() as http:
        for path in ("/core/groups/", "/core/users/"):
            answer = http.get(path, params={"attributes": text})
            assert (answer.status_code, answer.json()["code"]) == (400, "filter.attributes_unusable")


def test_nobody_reads_accounts_by_putting_people_into_groups(api: ApiHouse) -> None:
    ada, bob = person(api), person(api)
    held = ("authentik_core.add_group", "authentik_core.view_group", ("authentik_core.view_user", bob.id))
    with api.http(api.token(*held)) as http:
        me = http.get("/core/users/me/").json()["user"]["pk"]
        made = http.post("/core/groups/", json={"name": api.unique("mine"), "users": [ada.id, bob.id, me]}).json()
        for shown in (made, http.get(f"/core/groups/{made['pk']}/").json()):
            assert sorted(shown["users"]) == sorted([ada.id, bob.id, me])
            assert sorted(one["pk"] for one in shown["users_obj"]) == sorted([bob.id, me])
    with api.http(api.token("authentik_core.view_group", "authentik_core.view_user")) as http:
        assert len(http.get(f"/core/groups/{made['pk']}/").json()["users_obj"]) == 3


def test_nobody_learns_whose_number_a_member_is_by_asking_for_names(api: ApiHouse) -> None:
    ada = person(api)
    group = api.run(api.parts.groups.create(api.unique("team"), by=COMMAND))
    api.run(api.parts.groups.add_member(group.id, ada.id, by=COMMAND))
    sight = "authentik_core.view_group"
    for held, found in (((sight,), []), ((sight, ("authentik_core.view_user", ada.id)), [group.id])):
        with api.http(api.token(*held)) as http:
            answer = http.get("/core/groups/", params={"members_by_username": ada.username}).json()
            assert [one["pk"] for one in answer["results"]] == found
