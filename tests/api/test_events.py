import json
from datetime import timedelta
from typing import Any

import authentik_client as ak
import pytest

from ostiary.events.catalog import AUTHENTIKS, Action
from ostiary.events.record import Actor, record
from tests.api.house import ApiHouse, called


@pytest.fixture
def events(api: ApiHouse) -> ak.EventsApi:
    return ak.EventsApi(api.client())


def happen(api: ApiHouse, action: Action, *, by: str, **context: Any) -> None:
    """Something happens, as a room records it."""

    async def written() -> None:
        async with api.parts.database.writing() as w:
            actor = Actor(7, by, "192.0.2.7")
            await record(w, api.parts.clock, action, "test", actor, **context)

    api.run(written())


def test_every_event_of_ours_can_be_read_by_authentiks_client(api: ApiHouse, events: ak.EventsApi) -> None:
    by = api.unique("all")
    for action in Action:
        happen(api, action, by=by, model="outpost", name="x")
    found = events.events_events_list(username=by, page_size=100).results
    assert len(found) == len(Action)
    assert {event.action.value for event in found} <= set(AUTHENTIKS)
    lockout = next(event for event in found if (event.context or {}).get("action") == "lockout")
    assert lockout.action == ak.EventActions.SUSPICIOUS_REQUEST
    assert events.events_events_retrieve(lockout.pk) == lockout
    assert [event.pk for event in events.events_events_list(username=by, action="lockout").results] == [lockout.pk]
    assert [event.pk for event in events.events_events_list(username=by, action="suspicious_request").results] == [
        lockout.pk
    ]


def test_events_are_found_by_what_they_tell(api: ApiHouse, events: ak.EventsApi) -> None:
    by = api.unique("finder")
    happen(api, Action.MODEL_CREATED, by=by, model="outpost", pk=17, name="Edge")
    happen(api, Action.AUTHORIZE_APPLICATION, by=by, application="grafana")
    happen(api, Action.LOGOUT, by=by)

    def actions(**wanted: Any) -> list[str]:
        return [event.action.value for event in events.events_events_list(username=by, **wanted).results]

    assert actions() == ["logout", "authorize_application", "model_created"]
    assert actions(ordering="created") == ["model_created", "authorize_application", "logout"]
    assert actions(actions=[ak.EventActions.LOGOUT, ak.EventActions.MODEL_CREATED]) == ["logout", "model_created"]
    assert actions(client_ip="192.0.2.7", search="graf") == ["authorize_application"]
    assert actions(client_ip="192.0.2.8") == []
    assert actions(context_model_app="authentik_outposts") == ["model_created"]
    assert actions(context_model_name="outpost", context_model_pk="17") == ["model_created"]
    assert actions(context_model_pk="1") == []
    assert actions(context_authorized_app="grafana") == ["authorize_application"]
    assert actions(brand_name="x") == actions(context_device="x") == []
    (made,) = events.events_events_list(username=by, action="model_created").results
    assert made.context is not None
    assert made.context["model"] == {
        "app": "authentik_outposts",
        "model_name": "outpost",
        "pk": "17",
        "name": "Edge",
    }
    (opened,) = events.events_events_list(username=by, action="authorize_application").results
    assert opened.context is not None
    assert opened.context["authorized_application"]["name"] == "grafana"


def test_numbers(api: ApiHouse, events: ak.EventsApi) -> None:
    by, other = api.unique("counted"), api.unique("counted")
    slug = api.unique("busy")
    for who in (by, by, other):
        happen(api, Action.AUTHORIZE_APPLICATION, by=who, application=slug)
    happen(api, Action.LOCKOUT, by=by)
    counts = {one.action.value: one.count for one in events.events_events_volume_list(username=by)}
    assert counts == {"authorize_application": 2, "suspicious_request": 1}
    assert len(events.events_events_volume_list(username=by, history_days=30)) == 2
    now = api.parts.clock.now()
    assert all(now - timedelta(hours=1) < one.time <= now for one in events.events_events_volume_list(username=by))
    (top,) = events.events_events_top_per_user_list(context_authorized_app=slug, top_n=3)
    assert (top.application["name"], top.counted_events, top.unique_users) == (slug, 3, 2)
    stats = events.events_events_stats_retrieve(
        count_steps=["hours=1", "days=7"], actions=[ak.EventActions.AUTHORIZE_APPLICATION], context_authorized_app=slug
    )
    assert (stats.unique_users, stats.count_step) == (2, {"hours=1": 3, "days=7": 3})
    assert called(lambda: events.events_events_stats_retrieve(count_steps=["soon"]))[0] == 400
    assert {one.component for one in events.events_events_actions_list()} == {one.value for one in ak.EventActions}


def test_programs_tell_of_themselves_and_of_nothing_else(api: ApiHouse, events: ak.EventsApi) -> None:
    username = api.unique("program")
    key = api.token("authentik_events.add_event", username=username)
    theirs = ak.EventsApi(api.client(key))
    app = api.unique("backup.nightly")
    made = theirs.events_events_create(
        ak.EventRequest(action=ak.EventActions.CUSTOM, app=app, context={"model": "mine", "size": 3})
    )
    assert (made.action.value, made.app, made.context) == ("custom_", app, {"model": "mine", "size": 3})
    assert made.user is not None
    assert made.user["username"] == username
    for values, field in (
        ({"action": "login"}, "action"),
        ({"user": {"username": "akadmin"}}, "user"),
        ({"client_ip": "192.0.2.1"}, "client_ip"),
        ({"app": "no spaces"}, "app"),
        ({"context": {"password": "x"}}, "context"),
        ({"context": {"clock": "x"}}, "context"),
        ({"context": {"big": "x" * 20_000}}, "context"),
    ):
        with api.http(key) as http:
            answer = http.post("/events/events/", json={"action": "custom_", "app": "x", **values})
        assert (answer.status_code, list(answer.json())) == (400, [field, "code"]), values
    assert called(theirs.events_events_list)[0] == 403


def test_no_event_is_ever_changed_or_deleted(api: ApiHouse, events: ak.EventsApi) -> None:
    by = api.unique("kept")
    happen(api, Action.LOGIN, by=by)
    (event,) = events.events_events_list(username=by).results
    asked = ak.EventRequest(action=ak.EventActions.CUSTOM, app="x")
    for attempt in (
        lambda: events.events_events_destroy(event.pk),
        lambda: events.events_events_update(event.pk, asked),
        lambda: events.events_events_partial_update(event.pk, ak.PatchedEventRequest(app="x")),
    ):
        status, body = called(attempt)
        assert (status, json.loads(body)["code"]) == (403, "event.immutable")
    assert events.events_events_retrieve(event.pk) == event


def test_numbers_are_for_those_who_may_see_events(api: ApiHouse) -> None:
    with api.http(api.token("authentik_core.view_user")) as http:
        for path in ("", "actions/", "volume/", "top_per_user/", "stats/?count_steps=days%3D1"):
            assert http.get(f"/events/events/{path}").status_code == 403
