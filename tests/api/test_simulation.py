"""Simulations, explanations and the matrix, over the wire."""

import time
from typing import Any

import pytest
from sqlalchemy import select

from ostiary.applications.bindings import Target
from ostiary.applications.models import Application
from ostiary.directory.users import by_username
from ostiary.events.record import COMMAND
from ostiary.policies.engine import Kind
from tests.api.house import ApiHouse


@pytest.fixture
def house(api: ApiHouse) -> ApiHouse:
    """One in which `hello` is bound to staff; ada is of staff, bob is not."""
    parts = api.parts

    async def fill() -> None:
        await parts.groups.create("staff", by=COMMAND)
        await parts.users.create("ada", groups=["staff"], by=COMMAND)
        await parts.users.create("bob", by=COMMAND)
        await parts.applications.create("hello", access="bound", by=COMMAND)
        await parts.applications.create("open", access="everyone", by=COMMAND)
        await parts.bindings.put("hello", Target(Kind.GROUP, "staff"), by=COMMAND)

    async def there() -> bool:
        async with parts.database.reading() as r:
            return await r.scalar(select(Application.id).where(Application.slug == "hello")) is not None

    if not api.run(there()):
        api.run(fill())
    return api


OPENED = {
    "model": "authentik_core.application",
    "identifiers": {"slug": "hello"},
    "attrs": {"access": "everyone"},
}


def post(house: ApiHouse, body: dict[str, Any], token: str | None = None) -> Any:
    with house.http(token) as http:
        return http.post("/ostiary/simulate/", json=body)


def test_one_changed_object_is_answered_at_once(house: ApiHouse) -> None:
    answer = post(house, {"change": OPENED, "wait": 20})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["state"], found["progress"], found["error"]) == ("done", 100, None)
    report = found["report"]
    named = {one["username"]: one for one in report["differences"]}
    assert "ada" not in named
    assert (named["bob"]["before"], named["bob"]["after"], named["bob"]["change"]) == ("no", "yes", "gains")
    assert named["bob"]["reason"] == "Everyone who is signed in may open it."
    assert report["gains"] == len(named)
    assert [one["slug"] for one in report["applications"]] == ["hello"]
    with house.http() as http:
        bob = {"user": named["bob"]["user"], "application": "hello"}
        assert http.get("/ostiary/explain/", params=bob).json()["access"] == "no", "nothing was changed"


def test_a_blueprint_that_is_wrong_is_refused(house: ApiHouse) -> None:
    answer = post(house, {"blueprint": "version: 1\nentries: [{model: nothing.nothing, identifiers: {a: b}}]"})
    assert answer.status_code == 400, answer.text
    assert "nothing.nothing" in answer.text
    for body in ({}, {"blueprint": "version: 1", "change": OPENED}, {"blueprint": 1}, {"change": {"model": "x"}}):
        assert post(house, body).status_code == 400


def test_a_file_sees_nothing_of_the_server_s_variables(house: ApiHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_TEST_SECRET", "hidden-thing")
    text = "version: 1\nentries:\n- model: authentik_core.application\n  identifiers: {slug: new}\n"
    answer = post(house, {"blueprint": text + "  attrs: {name: !Env OSTIARY_TEST_SECRET}\n", "wait": 20})
    assert "hidden-thing" not in answer.text
    assert answer.status_code == 400


def test_a_longer_one_goes_on_after_the_answer_and_can_be_cancelled(house: ApiHouse) -> None:
    with house.http() as http:
        begun = http.post("/ostiary/simulate/", json={"change": OPENED, "wait": 0})
        assert begun.status_code == 202, begun.text
        address = f"/ostiary/simulate/{begun.json()['id']}/"
        assert begun.json()["state"] == "running"
        end = time.monotonic() + 30
        while (stands := http.get(address).json())["state"] == "running":
            assert time.monotonic() < end
            time.sleep(0.05)
        assert stands["state"] == "done"
        assert stands["report"]["gains"] > 0

        other = http.post("/ostiary/simulate/", json={"change": OPENED, "wait": 0}).json()["id"]
        assert http.delete(f"/ostiary/simulate/{other}/").status_code == 204
        assert http.get(f"/ostiary/simulate/{other}/").status_code == 404
        assert http.delete(f"/ostiary/simulate/{other}/").status_code == 404


def test_one_decision_is_explained(house: ApiHouse) -> None:
    bob = house.run(_id(house, "bob"))
    with house.http() as http:
        found = http.get("/ostiary/explain/", params={"user": bob, "application": "hello"}).json()
        assert (found["access"], found["allowed"], found["username"]) == ("no", False, "bob")
        assert found["reasons"] == [{"result": "against", "text": "The person is not in group staff.", "order": 0}]
        assert http.get("/ostiary/explain/", params={"user": 999999, "application": "hello"}).status_code == 404
        assert http.get("/ostiary/explain/", params={"user": bob, "application": "gone"}).status_code == 404
        assert http.get("/ostiary/explain/", params={"user": "bob", "application": "hello"}).status_code == 400


async def _id(house: ApiHouse, username: str) -> int:
    async with house.parts.database.reading() as r:
        return (await by_username(r, username)).id


def test_the_matrix_shows_people_and_applications_in_pages(house: ApiHouse) -> None:
    with house.http() as http:
        whole = http.get("/ostiary/matrix/", params={"page_size": 100}).json()
        rows = {one["username"]: one["access"] for one in whole["results"]}
        assert rows["ada"] == {"hello": "yes", "open": "yes"}
        assert rows["bob"] == {"hello": "no", "open": "yes"}
        assert [one["slug"] for one in whole["applications"]] == ["hello", "open"]
        assert whole["pagination"]["count"] == len(rows)

        one = http.get("/ostiary/matrix/", params={"search": "AD", "application": "open"}).json()
        assert [row["username"] for row in one["results"] if row["username"] in ("ada", "bob")] == ["ada"]
        assert [column["slug"] for column in one["applications"]] == ["open"]
        page = http.get("/ostiary/matrix/", params={"page": 2, "page_size": 1, "application_search": "ell"}).json()
        assert page["results"][0]["username"] == sorted(rows)[1]
        assert page["application_pagination"]["count"] == 1


def test_it_is_for_superusers_alone(house: ApiHouse) -> None:
    person = house.token("authentik_core.view_user", "authentik_core.view_application")
    for token in ("", person):
        assert post(house, {"change": OPENED}, token).status_code == 403
        with house.http(token) as http:
            for path in ("/ostiary/simulate/x/", "/ostiary/matrix/", "/ostiary/explain/?user=1&application=hello"):
                assert http.get(path).status_code == 403
            assert http.delete("/ostiary/simulate/x/").status_code == 403
