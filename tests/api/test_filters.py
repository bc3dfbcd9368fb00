"""Every filter of every list does something: one read and forgotten would show everything as if it were found."""

import inspect
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import authentik_client as ak
import httpx2
import pytest

from ostiary.api import document
from ostiary.policies.models import ReputationScore
from tests.api.house import PASSWORD, ApiHouse
from tests.api.test_applications import provider_request

GETS: Final[dict[str, tuple[str, list[dict[str, Any]]]]] = {
    operations["get"]["operationId"]: (path.removeprefix("/api/v3"), operations["get"].get("parameters", []))
    for path, operations in json.loads(document.FILE.read_text())["paths"].items()
    if "get" in operations
}
OF_EVERY_LIST: Final = {"page", "page_size", "search", "ordering"}
# What authentik's document offers there by its generator's doing: each answers about one object, or of nothing we have.
MEANINGLESS: Final = {
    "events_events_stats_retrieve": {"search", "ordering"},
    "events_events_top_per_user_list": {"search", "ordering"},
    "events_events_volume_list": {"search", "ordering"},
    "outposts_instances_health_list": {
        *("managed__icontains", "managed__iexact", "name__icontains", "name__iexact", "ordering"),
        *("providers__isnull", "providers_by_pk", "search"),
        *("service_connection__name__icontains", "service_connection__name__iexact"),
    },
    "outposts_ldap_list": {"name", "search", "ordering"},
    "schema_retrieve": {"format", "lang"},
}
# Not there to find fewer.
OTHERS: Final = {
    *("include_users", "include_children", "include_parents", "include_inherited_roles"),
    *("include_groups", "include_roles", "inherited", "for_user", "superuser_full_list"),
}
# What is asked beside the filter, where a list needs it.
BESIDE: Final = {"/rbac/permissions/assigned_by_roles/": {"model": "authentik_core.user"}}
# Named by its id, which must be one of ours.
OF_OURS: Final = {("/rbac/permissions/", "role")}
NOBODY: Final = "00000000-0000-4000-8000-0000000000ff"
# Lists that hold nothing yet.
EMPTY: Final = {"core_user_consent_list"}


def filters() -> Iterator[Any]:
    for name, (path, parameters) in sorted(GETS.items()):
        names = {one["name"] for one in parameters}
        if names >= OF_EVERY_LIST and name not in EMPTY:
            for one in parameters:
                if one["in"] == "query" and not one["required"] and one["name"] not in OF_EVERY_LIST | OTHERS:
                    yield pytest.param(path, one["name"], _schema(one), id=f"{name}-{one['name']}")


def _schema(parameter: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = parameter["schema"]
    schema = next((one for one in schema.get("anyOf", ()) if one["type"] != "null"), schema)
    return schema["items"] if schema["type"] == "array" else schema


@pytest.fixture(scope="module")
def full(api: ApiHouse) -> Iterator[httpx2.Client]:
    """Of every kind, something is there."""
    with api.http() as http:

        def made(path: str, /, **body: Any) -> Any:
            answer = http.post(path, json=body)
            assert answer.status_code in (200, 201), (path, answer.text)
            return answer.json()

        group = made("/core/groups/", name="crew")["pk"]
        made("/core/applications/", name="Bare", slug="bare")
        led = made("/core/applications/", name="Led", slug="led", meta_launch_url="https://led.example")
        policy = {}
        for type_, more in (
            ("expression", {"expression": "true"}),
            ("password", {}),
            ("reputation", {}),
            ("event_matcher", {"action": "login"}),
        ):
            policy[type_] = made(f"/policies/{type_}/", name=f"a {type_} policy", **more)["pk"]
        made("/policies/bindings/", target=led["pbm_uuid"], policy=policy["expression"], order=0)
        made("/providers/proxy/", **json.loads(provider_request(api, "guarded").to_json()))
        made("/providers/proxy/", **json.loads(provider_request(api, "idle").to_json()))
        proxied = made("/providers/proxy/", **json.loads(provider_request(api, "served").to_json()))["pk"]
        made("/core/applications/", name="Served", slug="served", provider=proxied)
        role = made("/rbac/roles/", name="helper")["pk"]
        made(
            f"/rbac/permissions/assigned_by_roles/{role}/assign/",
            permissions=["authentik_core.view_user"],
            model="authentik_core.user",
            object_pk=str(http.get("/core/users/me/").json()["user"]["pk"]),
        )
        made("/rbac/initial_permissions/", name="theirs", role=role, permissions=[])
        made("/outposts/service_connections/kubernetes/", name="cluster", local=True, kubeconfig={})
        made("/outposts/service_connections/docker/", name="docker", url="unix:///var/run/docker.sock")
        made("/crypto/certificatekeypairs/generate/", common_name="id.example.com", validity_days=30)
        made("/propertymappings/provider/scope/", name="nick", scope_name="nick", expression='"nick"')
        made("/stages/deny/", name="refuse")
        made("/managed/blueprints/", name="kept", path="", content="version: 1\nentries: []\n")
        api.run(_score(api))
        _sign_in(api, group, http)
        yield http


async def _score(api: ApiHouse) -> None:
    now = api.parts.clock.now()
    async with api.parts.database.writing() as w:
        w.add(
            ReputationScore(
                subject="eve", identifier="eve", ip="203.0.113.9", score=-3, updated=now, expires=now + timedelta(1)
            )
        )


def _sign_in(api: ApiHouse, group: str, http: httpx2.Client) -> None:
    user = http.post("/core/users/", json={"username": "ada", "name": "Ada", "groups": [group]}).json()["pk"]
    assert http.post(f"/core/users/{user}/set_password/", json={"password": PASSWORD}).status_code == 204
    flow = "/flows/executor/default-authentication-flow/"
    with httpx2.Client(base_url=f"{api.origin}/api/v3", timeout=30) as browser:
        browser.get(flow, params={"query": ""})
        ended = browser.post(flow, params={"query": ""}, json={"uid_field": "ada", "password": PASSWORD})
        assert ended.json()["component"] == "xak-flow-redirect", ended.text


def counted(http: httpx2.Client, path: str, /, **wanted: Any) -> int:
    answer = http.get(path, params=BESIDE.get(path, {}) | wanted)
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["pagination"]["count"]
    return number


@pytest.mark.parametrize(("path", "name", "schema"), list(filters()))
def test_a_filter_finds_fewer(full: httpx2.Client, path: str, name: str, schema: dict[str, Any]) -> None:
    every = counted(full, path)
    assert every, "nothing is there to be found"
    if "enum" in schema:
        found = [counted(full, path, **{name: one}) for one in schema["enum"]]
        assert sum(found) == every
        assert 0 in found
    elif schema["type"] == "boolean":
        assert counted(full, path, **{name: "true"}) != counted(full, path, **{name: "false"})
    elif schema["type"] == "integer":
        assert counted(full, path, **{name: 2**31 - 1}) == 0
        # More than the databases' integers hold.
        assert full.get(path, params={name: 10**15}).status_code in (200, 400)
    elif schema.get("format") == "date-time":
        moment = "2999-01-01T00:00:00Z" if name.endswith("__gt") else "1999-01-01T00:00:00Z"
        assert counted(full, path, **{name: moment}) == 0
    elif (path, name) in OF_OURS:
        assert full.get(path, params={name: NOBODY}).status_code == 400
        role = full.get("/rbac/roles/", params={"search": "helper"}).json()["results"][0]["pk"]
        assert counted(full, path, **{name: role}) == 0
    else:
        nothing = json.dumps({"nothing": "such"}) if name == "attributes" else NOBODY
        assert counted(full, path, **{name: nothing}) == 0
        assert full.get(path, params={name: "a\0b"}).status_code in (200, 400)


@pytest.mark.parametrize("name", sorted(GETS))
def test_what_the_client_may_ask_is_known(name: str) -> None:
    """An unknown parameter is ignored, as authentik does; a known one of authentik's must not be."""
    theirs = [getattr(one, name) for one in vars(ak).values() if inspect.isclass(one) and hasattr(one, name)]
    asked = {
        parameter
        for method in theirs
        for parameter in inspect.signature(method).parameters
        if parameter != "self" and not parameter.startswith("_")
    }
    assert asked - {one["name"] for one in GETS[name][1]} == MEANINGLESS.get(name, set())
