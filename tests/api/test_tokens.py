import json
from datetime import UTC, datetime, timedelta
from typing import Any

import authentik_client as ak
import pytest
from sqlalchemy import select

from ostiary.directory.models import Token
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from tests.api.house import ApiHouse, called


@pytest.fixture
def core(api: ApiHouse) -> ak.CoreApi:
    return ak.CoreApi(api.client())


def person(api: ApiHouse, **values: Any) -> Any:
    return api.run(api.parts.users.create(api.unique("user"), by=COMMAND, **values))


def code(refused: tuple[int, Any]) -> tuple[int, str]:
    return refused[0], json.loads(refused[1])["code"]


def test_a_token_lives_from_creation_to_deletion(api: ApiHouse, core: ak.CoreApi) -> None:
    ada, name = person(api, type="service_account"), api.unique("token")
    token = core.core_tokens_create(
        ak.TokenRequest(identifier=name, user=ada.id, intent=ak.IntentEnum.API, description="A job.", expiring=False)
    )
    assert (token.identifier, token.user, token.description) == (name, ada.id, "A job.")
    assert (token.expiring, token.expires, token.intent, token.managed) == (False, None, "api", None)
    assert token.user_obj.username == ada.username
    assert core.core_tokens_retrieve(name) == token
    assert core.core_tokens_list(identifier=name).results == [token]
    key = core.core_tokens_view_key_retrieve(name).key
    assert len(key) == 60
    assert ak.CoreApi(api.client(key)).core_users_me_retrieve().user.pk == ada.id
    end = datetime.now(UTC) + timedelta(days=3)
    put = core.core_tokens_update(name, ak.TokenRequest(identifier=f"{name}-2", expires=end, expiring=True))
    assert (put.pk, put.identifier, put.expires, put.user) == (token.pk, f"{name}-2", end, ada.id)
    patched = core.core_tokens_partial_update(put.identifier, ak.PatchedTokenRequest(description="Another."))
    assert (patched.description, patched.expires) == ("Another.", end)
    assert core.core_tokens_used_by_list(put.identifier) == []
    core.core_tokens_destroy(put.identifier)
    assert called(lambda: core.core_tokens_retrieve(put.identifier))[0] == 404
    with api.http(key) as http:
        assert http.get("/core/users/me/").status_code == 403


def test_without_a_word_a_token_is_the_caller_s_and_lasts_as_the_settings_say(api: ApiHouse, core: ak.CoreApi) -> None:
    token = core.core_tokens_create(ak.TokenRequest(identifier=api.unique("mine")))
    assert token.user == core.core_users_me_retrieve().user.pk
    assert token.expires is not None
    assert timedelta(minutes=29) < token.expires - datetime.now(UTC) <= timedelta(minutes=30)


def test_what_was_read_can_be_put_back_and_changes_nothing(api: ApiHouse, core: ak.CoreApi) -> None:
    for expiring in (True, False):
        token = core.core_tokens_create(ak.TokenRequest(identifier=api.unique("back"), expiring=expiring))
        body = ak.TokenRequest.from_dict(token.to_dict())
        assert body is not None
        assert core.core_tokens_update(token.identifier, body) == token


def test_a_key_is_set_and_every_sight_of_it_is_an_event(api: ApiHouse, core: ak.CoreApi) -> None:
    name, key = api.unique("set"), "k" * 30 + api.unique("key")
    old = core.core_tokens_create(ak.TokenRequest(identifier=name))
    core.core_tokens_set_key_create(name, ak.TokenSetKeyRequest(key=key))
    assert core.core_tokens_view_key_retrieve(name).key == key
    assert core.core_tokens_retrieve(name) == old

    async def seen() -> tuple[list[Event], Token]:
        async with api.parts.database.reading() as r:
            query = select(Event).where(Event.action.in_(["secret_view", "secret_rotate"]))
            found = (await r.scalars(query.order_by(Event.id))).all()
            row = (await r.scalars(select(Token).where(Token.identifier == name))).one()
            return [event for event in found if event.context["identifier"] == name], row

    events, row = api.run(seen())
    assert [event.action for event in events] == ["secret_rotate", "secret_view"]
    assert all(key not in json.dumps([event.context, event.user]) for event in events)
    assert key not in (row.key_hash, row.key_sealed)
    refused = called(lambda: core.core_tokens_set_key_create(name, ak.TokenSetKeyRequest(key="short")))
    assert code(refused) == (400, "token.key_invalid")


def test_a_key_that_the_command_line_showed_once_is_not_kept(api: ApiHouse, core: ak.CoreApi) -> None:
    ada, name = person(api), api.unique("once")
    api.run(api.parts.tokens.create(name, user_id=ada.id, expires=None, by=COMMAND))
    assert code(called(lambda: core.core_tokens_view_key_retrieve(name))) == (404, "token.key_not_kept")


def test_lists_are_filtered_and_ordered(api: ApiHouse, core: ak.CoreApi) -> None:
    mark, ada = api.unique("mark"), person(api)
    soon, late = (datetime.now(UTC) + timedelta(days=days) for days in (1, 9))
    for letter, more in (
        ("a", {"expires": late, "user": ada.id}),
        ("b", {"expires": soon, "description": f"about {mark}"}),
        ("c", {"expiring": False}),
    ):
        core.core_tokens_create(ak.TokenRequest(identifier=f"{letter}-{mark}", **more))

    def names(**query: Any) -> list[str]:
        return [token.identifier[0] for token in core.core_tokens_list(search=mark, **query).results]

    assert names() == ["a", "b", "c"]
    assert names(ordering="-identifier") == ["c", "b", "a"]
    assert names(expiring=True) == ["a", "b"]
    assert names(expiring=False) == ["c"]
    assert names(expires=soon) == ["b"]
    assert names(description=f"about {mark}") == ["b"]
    assert names(user__username=ada.username) == ["a"]
    assert names(intent="api") == ["a", "b", "c"]
    assert names(intent="app_password") == names(managed="goauthentik.io/x") == []


def test_an_app_password_names_its_application(api: ApiHouse, core: ak.CoreApi) -> None:
    name, slug = api.unique("app"), api.unique("hello")
    proxy = {"external_host": f"https://{slug}.example.com"}
    api.run(api.parts.applications.add_proxied(slug, access="everyone", proxy=proxy, values={"name": slug}, by=COMMAND))
    with api.http() as http:
        body = {"identifier": name, "intent": "app_password", "application": slug}
        answer = http.post("/core/tokens/", json={**body, "application": None})
        assert (answer.status_code, answer.json()["code"]) == (400, "token.application_invalid")
        made = http.post("/core/tokens/", json=body)
        assert (made.status_code, "application" in made.json()) == (201, False)
        assert http.patch(f"/core/tokens/{name}/", json={"application": slug}).status_code == 200
        answer = http.patch(f"/core/tokens/{name}/", json={"application": "other"})
        assert (answer.status_code, answer.json()["code"]) == (400, "token.application_fixed")
    assert core.core_tokens_retrieve(name).intent == "app_password"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("identifier", "has a space", "invalid"),
        ("identifier", "", "invalid"),
        ("intent", "recovery", "token.intent_not_made"),
        ("intent", "verification", "token.intent_not_made"),
        ("intent", "other", "invalid"),
        ("user", 99_999_999, "user.not_found"),
        ("user", 2**70, "invalid"),
        ("expires", "2001-01-01T00:00:00Z", "token.expires_past"),
        ("expires", "tomorrow", "invalid"),
        ("managed", "goauthentik.io/x", "token.not_supported_yet"),
        ("description", "two\nlines", "description.invalid"),
        ("application", "hello", "token.application_invalid"),
    ],
)
def test_one_wrong_field_is_named_and_nothing_is_stored(
    api: ApiHouse, core: ak.CoreApi, field: str, value: Any, expected: str
) -> None:
    name = api.unique("wrong")
    with api.http() as http:
        answer = http.post("/core/tokens/", json={"identifier": name, field: value})
        assert (answer.status_code, answer.json()["code"]) == (400, expected)
        assert field in answer.json()
    assert core.core_tokens_list(identifier=name).results == []


def test_everybody_has_tokens_of_their_own_and_sees_no_others(api: ApiHouse, core: ak.CoreApi) -> None:
    other = core.core_tokens_create(ak.TokenRequest(identifier=api.unique("other")))
    mine = ak.CoreApi(api.client(api.token()))
    me = mine.core_users_me_retrieve().user
    token = mine.core_tokens_create(ak.TokenRequest(identifier=api.unique("own")))
    assert token.user == me.pk
    found = mine.core_tokens_list()
    assert {one.user for one in found.results} == {me.pk}
    assert found.pagination.count == 2
    assert mine.core_tokens_view_key_retrieve(token.identifier).key
    for attempt in (
        lambda: mine.core_tokens_retrieve(other.identifier),
        lambda: mine.core_tokens_view_key_retrieve(other.identifier),
        lambda: mine.core_tokens_set_key_create(other.identifier, ak.TokenSetKeyRequest(key="k" * 40)),
        lambda: mine.core_tokens_destroy(other.identifier),
    ):
        assert called(attempt)[0] == 404
    stolen = ak.TokenRequest(identifier=api.unique("stolen"), user=other.user)
    assert called(lambda: mine.core_tokens_create(stolen))[0] == 403
    moved = ak.PatchedTokenRequest(user=other.user)
    assert called(lambda: mine.core_tokens_partial_update(token.identifier, moved))[0] == 403


def test_a_delegated_administrator_gets_in_as_nobody_who_may_do_more(api: ApiHouse, core: ak.CoreApi) -> None:
    boss = core.core_users_me_retrieve().user.pk
    target = core.core_tokens_create(ak.TokenRequest(identifier=api.unique("boss")))
    rights = [f"authentik_core.{one}_token" for one in ("view", "add", "change", "delete")]
    rights += ["authentik_core.view_token_key", "authentik_core.set_token_key"]
    mine = ak.CoreApi(api.client(api.token(*rights, "authentik_core.impersonate")))
    own = mine.core_tokens_create(ak.TokenRequest(identifier=api.unique("own")))
    for attempt in (
        lambda: mine.core_tokens_create(ak.TokenRequest(identifier=api.unique("x"), user=boss)),
        lambda: mine.core_tokens_partial_update(own.identifier, ak.PatchedTokenRequest(user=boss)),
        lambda: mine.core_tokens_partial_update(target.identifier, ak.PatchedTokenRequest(expiring=False)),
        lambda: mine.core_tokens_view_key_retrieve(target.identifier),
        lambda: mine.core_tokens_set_key_create(target.identifier, ak.TokenSetKeyRequest(key="k" * 40)),
        lambda: mine.core_tokens_destroy(target.identifier),
    ):
        assert code(called(attempt)) == (403, "permission.raises")
    robot, eve = person(api, type="service_account"), person(api)
    without = ak.CoreApi(api.client(api.token(*rights)))
    assert without.core_tokens_create(ak.TokenRequest(identifier=api.unique("robot"), user=robot.id)).user == robot.id
    asked = ak.TokenRequest(identifier=api.unique("eve"), user=eve.id)
    assert code(called(lambda: without.core_tokens_create(asked))) == (403, "permission.raises")
    assert mine.core_tokens_create(asked).user == eve.id


def test_no_app_password_tells_which_applications_there_are(api: ApiHouse) -> None:
    slug, shut = api.unique("app"), api.unique("app")
    api.run(api.parts.applications.create(slug, access="everyone", by=COMMAND))
    api.run(api.parts.applications.create(shut, access="bound", by=COMMAND))

    def made(http: Any, application: str, **more: Any) -> Any:
        body = {"identifier": api.unique("pw"), "intent": "app_password", "application": application, **more}
        return http.post("/core/tokens/", json=body)

    with api.http(api.token()) as http:
        hidden, none = made(http, shut), made(http, api.unique("app"))
        assert (hidden.status_code, none.status_code) == (400, 400)
        assert hidden.json() == none.json()
        assert made(http, slug).status_code == 201
    with api.http(api.token("authentik_core.view_application")) as http:
        assert made(http, shut).status_code == 201
    with api.http() as http:
        assert made(http, shut, user=person(api, type="service_account").id).status_code == 201


def test_a_person_does_not_become_a_service_account_so_that_somebody_gets_in_as_them(api: ApiHouse) -> None:
    helper = api.token("authentik_core.view_user", "authentik_core.change_user", "authentik_core.add_token")
    ada, robot = person(api), person(api, type="service_account")
    with api.http(helper) as http:
        for type_ in ("service_account", "internal_service_account"):
            answer = http.patch(f"/core/users/{ada.id}/", json={"type": type_})
            assert (answer.status_code, answer.json()["code"]) == (403, "permission.raises")
        assert http.patch(f"/core/users/{ada.id}/", json={"type": "external"}).status_code == 200
        assert http.patch(f"/core/users/{robot.id}/", json={"type": "internal_service_account"}).status_code == 200
