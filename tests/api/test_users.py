import json
from functools import partial
from typing import Any

import authentik_client as ak
import pytest
from sqlalchemy import select

from ostiary.directory.models import User
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from tests.api.house import PASSWORD, ApiHouse, called


@pytest.fixture
def core(api: ApiHouse) -> ak.CoreApi:
    return ak.CoreApi(api.client())


def made(api: ApiHouse, core: ak.CoreApi, **more: Any) -> ak.User:
    name = more.pop("username", None) or api.unique("user")
    return core.core_users_create(ak.UserRequest(username=name, name=name.title(), **more))


def group(api: ApiHouse, **values: Any) -> Any:
    return api.run(api.parts.groups.create(api.unique("group"), by=COMMAND, **values))


def role(api: ApiHouse) -> Any:
    return api.run(api.parts.roles.create(api.unique("role"), by=COMMAND))


def code(refused: tuple[int, Any]) -> tuple[int, str]:
    return refused[0], json.loads(refused[1])["code"]


async def _stored(api: ApiHouse, username: str) -> User | None:
    async with api.parts.database.reading() as r:
        user: User | None = await r.scalar(select(User).where(User.username == username))
        return user


def test_a_user_lives_from_creation_to_deletion(api: ApiHouse, core: ak.CoreApi) -> None:
    name, staff, helper = api.unique("ada"), group(api), role(api)
    asked = ak.UserRequest(
        username=name,
        name="Ada Lovelace",
        email="ada@example.com",
        path="users/staff",
        type=ak.UserTypeEnum.EXTERNAL,
        attributes={"office": {"room": "12"}, "level": 3},
        groups=[staff.id],
        roles=[helper.id],
        is_active=True,
    )
    user = core.core_users_create(asked)
    assert (user.username, user.name, user.email, user.path, user.type) == (
        name,
        "Ada Lovelace",
        "ada@example.com",
        "users/staff",
        "external",
    )
    assert [str(pk) for pk in user.groups or []] == [staff.id]
    assert [(str(one.pk), one.name) for one in user.groups_obj or []] == [(staff.id, staff.name)]
    assert [(str(one.pk), one.name) for one in user.roles_obj or []] == [(helper.id, helper.name)]
    assert not user.is_superuser
    assert user.last_login is None
    assert core.core_users_retrieve(user.pk) == user
    assert core.core_users_list(username=name.upper()).results == [user]
    put = core.core_users_update(user.pk, ak.UserRequest(username=name, name="Ada King", groups=[], is_active=False))
    assert (put.name, put.groups, put.is_active, put.email) == ("Ada King", [], False, "ada@example.com")
    patched = core.core_users_partial_update(user.pk, ak.PatchedUserRequest(username=f"{name}.king", is_active=True))
    assert (patched.username, patched.name, patched.is_active) == (f"{name}.king", "Ada King", True)
    assert patched.last_updated > user.last_updated
    assert core.core_users_used_by_list(user.pk) == []
    core.core_users_destroy(user.pk)
    assert called(lambda: core.core_users_retrieve(user.pk))[0] == 404


def test_what_was_read_can_be_put_back_and_changes_nothing(api: ApiHouse, core: ak.CoreApi) -> None:
    user = made(api, core, groups=[group(api).id], roles=[role(api).id], attributes={"a": [1, None]})
    body = ak.UserRequest.from_dict(user.to_dict())
    assert body is not None
    assert core.core_users_update(user.pk, body) == user


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("username", "has a space", "user.username_invalid"),
        ("username", "", "invalid"),
        ("username", "x" * 151, "invalid"),
        ("email", "not-an-address", "user.email_invalid"),
        ("path", "/../", "user.path_invalid"),
        ("type", "robot", "invalid"),
        ("groups", ["00000000-0000-0000-0000-000000000000"], "group.not_found"),
        ("groups", ["no uuid"], "invalid"),
        ("roles", ["00000000-0000-0000-0000-000000000000"], "role.not_found"),
        ("attributes", {"x": "\0"}, "invalid"),
        ("attributes", [], "invalid"),
        ("name", "\u202eada", "user.name_invalid"),
    ],
)
def test_one_wrong_field_is_named_and_nothing_is_stored(api: ApiHouse, field: str, value: Any, expected: str) -> None:
    name = api.unique("wrong")
    with api.http() as http:
        body = {"username": name, "name": "N", "groups": [group(api).id], field: value}
        answer = http.post("/core/users/", json=body)
        assert answer.status_code == 400
        assert answer.json()["code"] == expected
        if expected != "invalid" or not isinstance(value, dict):
            assert field in answer.json()
        assert api.run(_stored(api, name)) is None


def test_a_name_that_is_taken_is_told_beside_the_field(api: ApiHouse, core: ak.CoreApi) -> None:
    user = made(api, core)
    status, body = called(lambda: made(api, core, username=user.username))
    assert (status, list(json.loads(body))) == (400, ["username", "code"])


def test_a_change_of_many_fields_happens_whole_or_not_at_all(api: ApiHouse, core: ak.CoreApi) -> None:
    user = made(api, core)
    refused = called(
        lambda: core.core_users_partial_update(
            user.pk,
            ak.PatchedUserRequest(name="Other", roles=["00000000-0000-0000-0000-000000000000"], groups=[group(api).id]),
        )
    )
    assert code(refused) == (400, "role.not_found")
    assert core.core_users_retrieve(user.pk) == user


def test_two_administrators_see_each_others_change(api: ApiHouse, core: ak.CoreApi) -> None:
    user = made(api, core)
    with api.http() as http:
        tag = http.get(f"/core/users/{user.pk}/", params={"include_groups": "false"}).headers["etag"]
        assert http.get(f"/core/users/{user.pk}/").headers["etag"] == tag
        first = http.patch(f"/core/users/{user.pk}/", json={"name": "One"}, headers={"If-Match": tag})
        second = http.patch(f"/core/users/{user.pk}/", json={"name": "Two"}, headers={"If-Match": tag})
        assert (first.status_code, second.status_code) == (200, 412)


def test_lists_are_searched_filtered_and_ordered(api: ApiHouse, core: ak.CoreApi) -> None:
    mark = api.unique("mark")
    staff, admins, helper = group(api), group(api, is_superuser=True), role(api)
    one = made(api, core, username=f"a.{mark}", email=f"{mark}@example.com", groups=[staff.id], path=f"team/{mark}")
    two = made(api, core, username=f"b.{mark}", groups=[admins.id], roles=[helper.id], is_active=False)
    three = made(api, core, username=f"c.{mark}", type=ak.UserTypeEnum.SERVICE_ACCOUNT, attributes={"x": {"y": mark}})

    def names(**query: Any) -> list[str]:
        return [user.username[0] for user in core.core_users_list(search=mark, **query).results]

    assert names() == ["a", "b", "c"]
    assert names(ordering="-username") == ["c", "b", "a"]
    assert names(ordering="-pk") == ["c", "b", "a"]
    assert names(page_size=2) == ["a", "b"]
    assert names(page_size=2, page=2) == ["c"]
    assert names(username=one.username) == ["a"]
    assert names(email=f"{mark.upper()}@example.com") == ["a"]
    assert names(name=two.name) == ["b"]
    assert names(uuid=str(three.uuid)) == ["c"]
    assert names(type=[ak.UserTypeEnum.INTERNAL]) == ["a", "b"]
    assert names(path=f"team/{mark}") == ["a"]
    assert names(path_startswith="team/") == ["a"]
    assert names(is_active=False) == ["b"]
    assert names(is_superuser=True) == ["b"]
    assert names(is_superuser=False) == ["a", "c"]
    assert names(attributes=json.dumps({"x": {"y": mark}})) == ["c"]
    assert names(attributes=json.dumps({"x": {"y": "else"}})) == []
    assert names(groups_by_name=[staff.name]) == ["a"]
    assert names(groups_by_pk=[staff.id, admins.id]) == ["a", "b"]
    assert names(roles_by_name=[helper.name]) == ["b"]
    assert names(roles_by_pk=[helper.id]) == ["b"]
    assert names(date_joined=two.date_joined) == ["b"]
    assert names(date_joined__gt=one.date_joined) == ["b", "c"]
    assert names(date_joined__lt=three.date_joined) == ["a", "b"]
    assert names(last_updated__gt=one.last_updated) == ["b", "c"]
    assert names(last_login__isnull=True) == ["a", "b", "c"]
    assert names(last_login__gt=one.date_joined) == []
    bare = core.core_users_list(search=mark, include_groups=False, include_roles=False).results
    assert [user.groups_obj for user in bare] == [None] * 3


@pytest.mark.parametrize(
    "query",
    [
        "attributes={",
        "attributes=[]",
        'attributes={"a\\"b": 1}',
        'attributes={"a": [1]}',
        "ordering=password_hash",
        "type=robot",
        "date_joined__gt=yesterday",
        "is_active=maybe",
        "page=0",
        "date_joined=9999-12-31T23:59:59-12:00",
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(api: ApiHouse, query: str) -> None:
    with api.http() as http:
        assert http.get(f"/core/users/?{query}").status_code == 400


def test_dates_need_no_zone_and_no_colon(api: ApiHouse) -> None:
    with api.http() as http:
        for moment in ("2026-01-01T00:00:00", "2026-01-01T00:00:00.000000%2B0000"):
            assert http.get(f"/core/users/?date_joined__gt={moment}").status_code == 200


def test_paths_are_those_of_the_users_one_may_see(api: ApiHouse, core: ak.CoreApi) -> None:
    mark = api.unique("path")
    user = made(api, core, path=mark)
    made(api, core, path=f"{mark}/below")
    assert core.core_users_paths_retrieve(search=mark).paths == [mark, f"{mark}/below"]
    one = ak.CoreApi(api.client(api.token(("authentik_core.view_user", user.pk))))
    assert one.core_users_paths_retrieve().paths == [mark]
    assert [found.pk for found in one.core_users_list().results] == [user.pk]
    assert one.core_users_list().pagination.count == 1


def test_me_is_who_asks(api: ApiHouse) -> None:
    name, staff = api.unique("self"), group(api)
    token = api.token("authentik_rbac.access_admin_interface", username=name)
    user = api.run(_stored(api, name))
    assert user is not None
    api.run(api.parts.groups.add_member(staff.id, user.id, by=COMMAND))
    me = ak.CoreApi(api.client(token)).core_users_me_retrieve()
    assert (me.user.pk, me.user.username, me.original) == (user.id, name, None)
    assert [(one.name, one.pk) for one in me.user.groups] == [(staff.name, staff.id)]
    assert me.user.system_permissions == ["access_admin_interface"]
    assert ak.CoreApi(api.client()).core_users_me_retrieve().user.is_superuser


def test_a_service_account_comes_with_its_token(api: ApiHouse, core: ak.CoreApi) -> None:
    name = api.unique("job")
    made_ = core.core_users_service_account_create(
        ak.UserServiceAccountRequest(name=name, create_group=True, expiring=False)
    )
    assert made_.username == name
    user = core.core_users_retrieve(made_.user_pk)
    assert (user.type, user.uid) == ("service_account", made_.user_uid)
    assert [str(pk) for pk in user.groups or []] == [made_.group_pk]
    assert ak.CoreApi(api.client(made_.token)).core_users_me_retrieve().user.pk == user.pk
    identifier = f"service-account-{user.pk}"
    assert core.core_tokens_view_key_retrieve(identifier).key == made_.token
    assert not core.core_tokens_retrieve(identifier).expiring
    again = ak.UserServiceAccountRequest(name=name, create_group=True)
    status, body = called(lambda: core.core_users_service_account_create(again))
    assert (status, list(json.loads(body))) == (400, ["name", "code"])


def test_a_password_is_set_by_text_and_by_hash(api: ApiHouse, core: ak.CoreApi) -> None:
    user = made(api, core)
    core.core_users_set_password_create(user.pk, ak.UserPasswordSetRequest(password="a long password"))
    stored = api.run(_stored(api, user.username))
    assert stored is not None
    assert api.run(api.parts.passwords.verify(stored.password_hash, "a long password")).ok
    assert core.core_users_retrieve(user.pk).password_change_date >= user.password_change_date
    hashed = "pbkdf2_sha256$1000$salt$" + "A" * 43 + "="
    core.core_users_set_password_hash_create(user.pk, ak.UserPasswordHashSetRequest(password=hashed))
    stored = api.run(_stored(api, user.username))
    assert stored is not None
    assert stored.password_hash == hashed
    for bad in ("short", user.username):
        asked = ak.UserPasswordSetRequest(password=bad)
        refused = called(partial(core.core_users_set_password_create, user.pk, asked))
        assert refused[0] == 400
        assert "password" in json.loads(refused[1])
    refused = called(
        lambda: core.core_users_set_password_hash_create(user.pk, ak.UserPasswordHashSetRequest(password="md5$x"))
    )
    assert code(refused) == (400, "password.hash_unknown")


def test_a_recovery_link_leads_to_our_own_page_and_works_once(api: ApiHouse, core: ak.CoreApi) -> None:
    user = made(api, core)
    link = core.core_users_recovery_create(user.pk, ak.UserRecoveryLinkRequest(token_duration="minutes=5")).link
    assert link.startswith(f"{api.origin}/if/recovery/?key=")
    assert core.core_users_recovery_create(user.pk).link != link
    refused = called(
        lambda: core.core_users_recovery_create(user.pk, ak.UserRecoveryLinkRequest(token_duration="forever"))
    )
    assert code(refused) == (400, "duration.invalid")
    (token,) = core.core_tokens_list(user__username=user.username).results
    assert token.intent == "recovery"
    assert code(called(lambda: core.core_tokens_view_key_retrieve(token.identifier))) == (404, "token.key_not_kept")
    key = ak.TokenSetKeyRequest(key="k" * 40)
    assert code(called(lambda: core.core_tokens_set_key_create(token.identifier, key))) == (403, "token.recovery_fixed")


@pytest.mark.parametrize("way", ["set_password", "set_password_hash", "recovery", "patch", "delete", "impersonate"])
def test_a_delegated_administrator_never_touches_a_superuser(api: ApiHouse, core: ak.CoreApi, way: str) -> None:
    boss = made(api, core, groups=[group(api, is_superuser=True).id])
    token = api.token(
        "authentik_core.view_user",
        "authentik_core.change_user",
        "authentik_core.delete_user",
        "authentik_core.reset_user_password",
        "authentik_core.impersonate",
    )
    with api.http(token) as http:
        answer = {
            "set_password": lambda: http.post(f"/core/users/{boss.pk}/set_password/", json={"password": PASSWORD}),
            "set_password_hash": lambda: http.post(
                f"/core/users/{boss.pk}/set_password_hash/",
                json={"password": "pbkdf2_sha256$1000$salt$" + "A" * 43 + "="},
            ),
            "recovery": lambda: http.post(f"/core/users/{boss.pk}/recovery/"),
            "patch": lambda: http.patch(f"/core/users/{boss.pk}/", json={"email": "thief@example.com"}),
            "delete": lambda: http.delete(f"/core/users/{boss.pk}/"),
            "impersonate": lambda: http.post(f"/core/users/{boss.pk}/impersonate/", json={"reason": "why not"}),
        }[way]()
        assert answer.status_code == 403
        assert answer.json()["code"] in ("permission.raises", "impersonation.no_session")
    assert core.core_users_retrieve(boss.pk) == boss
    stored = api.run(_stored(api, boss.username))
    assert stored is not None
    assert stored.password_hash is None


def test_a_delegated_administrator_gives_nobody_more_than_they_hold(api: ApiHouse, core: ak.CoreApi) -> None:
    admins, helper = group(api, is_superuser=True), role(api)
    api.run(api.parts.roles.permit(helper.id, ["authentik_core.delete_application"], by=COMMAND))
    token = api.token(
        "authentik_core.view_user",
        "authentik_core.add_user",
        "authentik_core.change_user",
        "authentik_core.change_group",
        "authentik_rbac.change_role",
    )
    user = made(api, core)
    with api.http(token) as http:
        for field, pk in (("groups", admins.id), ("roles", helper.id)):
            answer = http.patch(f"/core/users/{user.pk}/", json={field: [pk]})
            assert (answer.status_code, answer.json()["code"]) == (403, "permission.raises")
            answer = http.post("/core/users/", json={"username": api.unique("eve"), "name": "", field: [pk]})
            assert (answer.status_code, answer.json()["code"]) == (403, "permission.raises")
        assert http.patch(f"/core/users/{user.pk}/", json={"name": "Fine"}).status_code == 200


def test_the_last_superuser_stays(api: ApiHouse, core: ak.CoreApi) -> None:
    me = core.core_users_me_retrieve().user
    others = [one for one in core.core_users_list(is_superuser=True, page_size=100).results if one.pk != me.pk]
    for other in others:
        core.core_users_destroy(other.pk)
    for attempt in (
        lambda: core.core_users_destroy(me.pk),
        lambda: core.core_users_partial_update(me.pk, ak.PatchedUserRequest(is_active=False)),
        lambda: core.core_users_partial_update(me.pk, ak.PatchedUserRequest(groups=[])),
    ):
        assert code(called(attempt))[1] == "user.last_superuser"


def test_every_change_is_an_event_of_the_token_s_owner(api: ApiHouse, core: ak.CoreApi) -> None:
    user = made(api, core)
    core.core_users_partial_update(user.pk, ak.PatchedUserRequest(name="New"))

    async def last() -> Event:
        async with api.parts.database.reading() as r:
            return (await r.scalars(select(Event).order_by(Event.id.desc()).limit(1))).one()

    event = api.run(last())
    assert event.user["pk"] == core.core_users_me_retrieve().user.pk
    assert event.context["changes"] == {"name": [user.name, "New"]}
