import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import authentik_client as ak
import httpx2
import pytest

from ostiary.api.caller import CSRF_HEADER
from ostiary.directory.models import User
from ostiary.events.listing import events
from ostiary.events.record import COMMAND
from ostiary.sessions.cookie import FORM, LOGIN
from tests.api.house import ApiHouse, called

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.2"


@pytest.fixture
def core(api: ApiHouse) -> ak.CoreApi:
    return ak.CoreApi(api.client())


def person(api: ApiHouse, *groups: str) -> User:
    return api.run(api.parts.users.create(api.unique("user"), groups=groups, by=COMMAND))


def signed_in(api: ApiHouse, user: User) -> str:
    """The cookie of a new login."""

    async def start() -> str:
        async with api.parts.database.writing() as w:
            return await api.parts.sessions.start(
                w, user_id=user.id, method="password", client_ip="192.0.2.7", user_agent=FIREFOX, replaces=None
            )

    return api.run(start())


@contextmanager
def browser(api: ApiHouse, cookie: str) -> Iterator[httpx2.Client]:
    """A script on our pages: it has the cookies, and the proof that answers carry."""
    form, _ = FORM.mint(api.parts.secrets)
    cookies = {LOGIN.name(secure=False): cookie, FORM.name(secure=False): form}
    with httpx2.Client(base_url=f"{api.origin}/api/v3", cookies=cookies, timeout=30) as http:
        http.headers[CSRF_HEADER] = http.get("/core/users/me/").headers[CSRF_HEADER]
        yield http


def again(api: ApiHouse, http: httpx2.Client, answer: httpx2.Response) -> None:
    """Keeps the cookie that an answer set, as a browser does, and fetches the proof anew."""
    name, _, rest = answer.headers["set-cookie"].partition("=")
    http.cookies.clear()
    form, _ = FORM.mint(api.parts.secrets)
    http.cookies.update({name: rest.partition(";")[0], FORM.name(secure=False): form})
    http.headers[CSRF_HEADER] = http.get("/core/users/me/").headers[CSRF_HEADER]


def superuser(api: ApiHouse) -> User:
    name = api.unique("admins")
    api.run(api.parts.groups.create(name, is_superuser=True, by=COMMAND))
    return person(api, name)


def test_a_login_is_seen_and_ended(api: ApiHouse, core: ak.CoreApi) -> None:
    ada = person(api)
    cookie = signed_in(api, ada)
    (session,) = core.core_authenticated_sessions_list(user__username=ada.username).results
    assert (session.user, session.last_ip, session.current) == (ada.id, "192.0.2.7", False)
    agent = session.user_agent
    assert (agent.user_agent.family, agent.user_agent.major, agent.os.family) == ("Firefox", "140", "Linux")
    assert (session.geo_ip, session.asn) == (None, None)
    assert session.uuid is not None
    assert core.core_authenticated_sessions_retrieve(session.uuid) == session
    assert core.core_authenticated_sessions_used_by_list(session.uuid) == []
    queries: list[dict[str, Any]] = [
        {"session__last_ip": "192.0.2.8"},
        {"session__last_user_agent": "other"},
        {"search": "nothing like it"},
    ]
    for query in queries:
        assert core.core_authenticated_sessions_list(user__username=ada.username, **query).results == []
    core.core_authenticated_sessions_destroy(session.uuid)
    with httpx2.Client(base_url=api.origin, cookies={LOGIN.name(secure=False): cookie}) as http:
        assert http.get("/api/v3/core/users/me/").status_code == 403


def test_everybody_sees_and_ends_their_own_alone(api: ApiHouse, core: ak.CoreApi) -> None:
    ada, bob = person(api), person(api)
    own, other = signed_in(api, ada), signed_in(api, ada)
    signed_in(api, bob)
    with browser(api, own) as http:
        found = http.get("/core/authenticated_sessions/").json()
        assert found["pagination"]["count"] == 2
        assert sorted(one["current"] for one in found["results"]) == [False, True]
        elsewhere = next(one["uuid"] for one in found["results"] if not one["current"])
        assert http.delete(f"/core/authenticated_sessions/{elsewhere}/").status_code == 204
        (theirs,) = core.core_authenticated_sessions_list(user__username=bob.username).results
        assert http.delete(f"/core/authenticated_sessions/{theirs.uuid}/").status_code == 404
        everywhere = "/core/authenticated_sessions/bulk_delete/"
        assert http.delete(everywhere, params={"user_pks": [ada.id, bob.id]}).status_code == 403
        assert http.delete(everywhere, params={"user_pks": ada.id}).json() == {"deleted": 1}
    with httpx2.Client(base_url=api.origin, cookies={LOGIN.name(secure=False): other}) as http:
        assert http.get("/api/v3/core/users/me/").status_code == 403


def test_all_logins_of_people_end_at_once(api: ApiHouse, core: ak.CoreApi) -> None:
    ada, bob, eve = person(api), person(api), person(api)
    for user in (ada, ada, bob, eve):
        signed_in(api, user)
    assert core.core_authenticated_sessions_bulk_delete_destroy([ada.id, bob.id, 99_999_999]).deleted == 3
    assert core.core_authenticated_sessions_list(user__username=ada.username).results == []
    assert len(core.core_authenticated_sessions_list(user__username=eve.username).results) == 1


def test_a_delegated_administrator_ends_no_superuser_s_login(api: ApiHouse, core: ak.CoreApi) -> None:
    boss, ada = superuser(api), person(api)
    for user in (boss, ada):
        signed_in(api, user)
    rights = [f"authentik_core.{one}_authenticatedsession" for one in ("view", "delete")]
    mine = ak.CoreApi(api.client(api.token(*rights)))
    (session,) = mine.core_authenticated_sessions_list(user__username=boss.username).results
    assert session.uuid is not None
    uuid = session.uuid
    for attempt in (
        lambda: mine.core_authenticated_sessions_destroy(uuid),
        lambda: mine.core_authenticated_sessions_bulk_delete_destroy([ada.id, boss.id]),
    ):
        status, body = called(attempt)
        assert (status, json.loads(body)["code"]) == (403, "permission.raises")
    assert len(core.core_authenticated_sessions_list(user__username=ada.username).results) == 1
    assert mine.core_authenticated_sessions_bulk_delete_destroy([ada.id]).deleted == 1


def test_an_administrator_acts_as_somebody_and_returns(api: ApiHouse) -> None:
    boss, ada = superuser(api), person(api)
    with browser(api, signed_in(api, boss)) as http:
        began = http.post(f"/core/users/{ada.id}/impersonate/", json={"reason": "ticket 9"})
        assert (began.status_code, began.content) == (204, b"")
        again(api, http, began)
        me = ak.SessionUser.from_dict(http.get("/core/users/me/").json())
        assert me is not None
        assert me.original is not None
        assert (me.user.pk, me.original.pk, me.user.is_superuser) == (ada.id, boss.id, False)
        assert http.get("/core/users/").status_code == 403
        for attempt in (
            http.post("/core/tokens/", json={"identifier": api.unique("taken")}),
            http.post(f"/core/users/{boss.id}/impersonate/", json={"reason": "back"}),
        ):
            assert attempt.status_code == 403
        across = http.get("/core/users/impersonate_end/", headers={"Sec-Fetch-Site": "cross-site"})
        assert (across.status_code, across.json()["code"]) == (403, "api.csrf")
        ended = http.get("/core/users/impersonate_end/")
        assert ended.status_code == 204
        again(api, http, ended)
        me = ak.SessionUser.from_dict(http.get("/core/users/me/").json())
        assert me is not None
        assert (me.user.pk, me.original) == (boss.id, None)
        done = http.get("/core/users/impersonate_end/")
        assert (done.status_code, "set-cookie" in done.headers) == (204, False)


def test_a_session_that_acts_as_somebody_does_so_in_the_log(api: ApiHouse) -> None:
    boss, ada = superuser(api), person(api)
    with browser(api, signed_in(api, boss)) as http:
        again(api, http, http.post(f"/core/users/{ada.id}/impersonate/", json={"reason": "ticket 9"}))
        (own,) = http.get("/core/authenticated_sessions/").json()["results"]
        assert http.delete(f"/core/authenticated_sessions/{own['uuid']}/").status_code == 204

    async def last() -> Any:
        async with api.parts.database.reading() as r:
            return (await events(r, limit=1))[0].user

    assert api.run(last()) == {
        "pk": boss.id,
        "username": boss.username,
        "on_behalf_of": {"pk": ada.id, "username": ada.username},
    }


def test_impersonation_needs_a_session_a_reason_and_the_permission(api: ApiHouse, core: ak.CoreApi) -> None:
    ada = person(api)
    status, body = called(lambda: core.core_users_impersonate_create(ada.id, ak.ImpersonationRequest(reason="x")))
    assert (status, json.loads(body)["code"]) == (403, "impersonation.no_session")
    with browser(api, signed_in(api, superuser(api))) as http:
        answer = http.post(f"/core/users/{ada.id}/impersonate/", json={"reason": " "})
        assert (answer.status_code, list(answer.json())) == (400, ["reason", "code"])
        assert http.post("/core/users/99999999/impersonate/", json={"reason": "x"}).status_code == 404
    with browser(api, signed_in(api, person(api))) as http:
        assert http.post(f"/core/users/{ada.id}/impersonate/", json={"reason": "x"}).status_code == 403


def test_there_are_no_consents_yet(api: ApiHouse, core: ak.CoreApi) -> None:
    assert core.core_user_consent_list(user=1).results == []
    assert called(lambda: core.core_user_consent_retrieve(1))[0] == 404
    assert called(lambda: core.core_user_consent_used_by_list(1))[0] == 404
    assert called(lambda: core.core_user_consent_destroy(1))[0] == 404
