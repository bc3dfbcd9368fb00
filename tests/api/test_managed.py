"""Blueprints through the API, by authentik's own client."""

import json
from functools import partial

import authentik_client as ak
import pytest

from tests.api.house import ApiHouse, called


def content(name: str, expression: str = "user.email") -> str:
    return f"""\
version: 1
metadata: {{name: "{name}", labels: {{a: b}}}}
entries:
  - model: authentik_providers_oauth2.scopemapping
    identifiers: {{name: "{name}"}}
    attrs: {{scope_name: "X-{name}", expression: !Context [expression, {expression}]}}
"""


@pytest.fixture
def managed(api: ApiHouse) -> ak.ManagedApi:
    return ak.ManagedApi(api.client())


def expression_of(api: ApiHouse, name: str) -> str | None:
    found = ak.PropertymappingsApi(api.client()).propertymappings_provider_scope_list(name=name).results
    return found[0].expression if found else None


def test_a_blueprint_lives_from_creation_to_deletion(api: ApiHouse, managed: ak.ManagedApi) -> None:
    name = api.unique("kept")
    made = managed.managed_blueprints_create(ak.BlueprintInstanceRequest(name=name, content=content(name)))
    assert (made.status, made.enabled, made.metadata) == ("successful", True, {"name": name, "labels": {"a": "b"}})
    assert made.managed_models == ["authentik_providers_oauth2.scopemapping"]
    assert len(made.last_applied_hash) == 128
    assert expression_of(api, name) == "user.email", "what is kept and enabled is applied at once"
    assert managed.managed_blueprints_retrieve(made.pk) == made
    assert managed.managed_blueprints_list(name=name).results == [made]
    assert managed.managed_blueprints_list(search=name).results == [made]
    context = {"expression": "user.name"}
    changed = managed.managed_blueprints_partial_update(made.pk, ak.PatchedBlueprintInstanceRequest(context=context))
    assert changed.context == context
    assert expression_of(api, name) == "user.name"
    put = ak.BlueprintInstanceRequest(name=f"{name}-2", content=content(name))
    assert managed.managed_blueprints_update(made.pk, put).name == f"{name}-2"
    assert managed.managed_blueprints_used_by_list(made.pk) == []
    managed.managed_blueprints_destroy(made.pk)
    assert called(lambda: managed.managed_blueprints_retrieve(made.pk))[0] == 404
    assert expression_of(api, name), "the objects of a deleted blueprint stay"


def test_applying_again_sets_objects_back(api: ApiHouse, managed: ak.ManagedApi) -> None:
    name = api.unique("back")
    made = managed.managed_blueprints_create(ak.BlueprintInstanceRequest(name=name, content=content(name)))
    mappings = ak.PropertymappingsApi(api.client())
    pk = mappings.propertymappings_provider_scope_list(name=name).results[0].pk
    mappings.propertymappings_provider_scope_partial_update(
        pk, ak.PatchedScopeMappingRequest(expression="user.username")
    )
    assert managed.managed_blueprints_apply_create(made.pk).status == "successful"
    assert expression_of(api, name) == "user.email"


def test_one_that_can_no_longer_be_applied_says_so(api: ApiHouse, managed: ak.ManagedApi) -> None:
    name = api.unique("late")
    made = managed.managed_blueprints_create(
        ak.BlueprintInstanceRequest(
            name=name, content=content(name).replace("identifiers", "state: must_created\n    identifiers")
        )
    )
    status, body = called(lambda: managed.managed_blueprints_apply_create(made.pk))
    assert (status, json.loads(body)["code"]) == (400, "blueprint.invalid")
    assert "It exists already" in json.loads(body)["content"][0]
    assert managed.managed_blueprints_retrieve(made.pk).status == "error"


def test_a_disabled_one_is_kept_and_not_applied(api: ApiHouse, managed: ak.ManagedApi) -> None:
    name = api.unique("off")
    asked = ak.BlueprintInstanceRequest(name=name, content=content(name), enabled=False)
    made = managed.managed_blueprints_create(asked)
    assert (made.status, expression_of(api, name)) == ("unknown", None)
    status, body = called(lambda: managed.managed_blueprints_apply_create(made.pk))
    assert (status, json.loads(body)["code"]) == (400, "blueprint.disabled")
    managed.managed_blueprints_partial_update(made.pk, ak.PatchedBlueprintInstanceRequest(enabled=True))
    assert expression_of(api, name) == "user.email"


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"content": "version: 1\nentries: [1]"}, "content", ":2: entry 1: It is a mapping"),
        ({"content": "version: 1\nentries: [1]", "enabled": False}, "content", ":2: entry 1: It is a mapping"),
        ({"content": ""}, "non_field_errors", "Give path or content."),
        ({"path": "default/gone.yaml", "content": ""}, "path", "No blueprint of that path"),
        ({"path": "../../etc/passwd", "content": ""}, "path", "No blueprint of that path"),
        ({"path": "default/gone.yaml"}, "non_field_errors", "Give path or content, not both."),
        ({"content": "version: 1\nentries: []\n" + "# x\n" * 70_000}, "content", "The file is larger than 256 KiB."),
        (
            {"content": "version: 1\ncontext: {a: !Env HOME}\nentries: [{model: !Context a}]"},
            "content",
            "!Env is read at",
        ),
        ({"content": "version: 1\nentries: [{model: !File /etc/passwd}]"}, "content", "!File is read for files"),
    ],
)
def test_what_cannot_be_applied_is_not_kept(
    api: ApiHouse, managed: ak.ManagedApi, wrong: dict[str, object], field: str, said: str
) -> None:
    name = api.unique("wrong")
    with api.http() as http:
        answer = http.post("/managed/blueprints/", json={"name": name, "content": content(name), **wrong})
    assert answer.status_code == 400, answer.text
    assert said in answer.json()[field][0]
    assert managed.managed_blueprints_list(name=name).results == []
    assert expression_of(api, name) is None


def test_an_object_says_which_blueprint_it_is_of(api: ApiHouse, managed: ak.ManagedApi) -> None:
    name = api.unique("whose")
    managed.managed_blueprints_create(ak.BlueprintInstanceRequest(name=name, content=content(name)))
    found = ak.PropertymappingsApi(api.client()).propertymappings_provider_scope_list(name=name).results[0]
    asked = {"model": "authentik_providers_oauth2.scopemapping", "pk": [str(found.pk), "nothing"]}
    with api.http() as http:
        answer = http.get("/ostiary/blueprints/owners/", params=asked)
        assert answer.json() == [{"pk": str(found.pk), "blueprint": name, "kept": True}]
    with api.http(api.token()) as http:
        assert http.get("/ostiary/blueprints/owners/", params=asked).status_code == 403
    # Whoever may see one blueprint is told of that one alone.
    other = api.unique("other")
    seen = managed.managed_blueprints_create(ak.BlueprintInstanceRequest(name=other, content=content(other))).pk
    with api.http(api.token(("authentik_blueprints.view_blueprintinstance", seen))) as http:
        assert http.get("/ostiary/blueprints/owners/", params=asked).json() == []
        theirs = ak.PropertymappingsApi(api.client()).propertymappings_provider_scope_list(name=other).results[0]
        answer = http.get("/ostiary/blueprints/owners/", params={**asked, "pk": [str(theirs.pk)]})
        assert [one["blueprint"] for one in answer.json()] == [other]


def test_two_do_not_have_one_name(api: ApiHouse, managed: ak.ManagedApi) -> None:
    name = api.unique("twice")
    asked = ak.BlueprintInstanceRequest(name=name, content=content(name))
    managed.managed_blueprints_create(asked)
    status, body = called(lambda: managed.managed_blueprints_create(asked))
    assert (status, json.loads(body)["code"], "name" in json.loads(body)) == (400, "blueprint.name_taken", True)


def test_a_file_is_imported_or_its_faults_are_told(api: ApiHouse, managed: ak.ManagedApi) -> None:
    name = api.unique("sent")
    given = managed.managed_blueprints_import_create(
        file=("sent.yaml", content(name).encode()), context=json.dumps({"expression": "user.name"})
    )
    assert given.success
    assert given.logs[0].event.startswith("+ authentik_providers_oauth2.scopemapping")
    assert expression_of(api, name) == "user.name"
    (row,) = managed.managed_blueprints_list(name=name).results
    assert (row.path, row.status) == ("sent.yaml", "successful")
    wrong = managed.managed_blueprints_import_create(
        file=("sent.yaml", content(name).replace("attrs", "atrs").encode())
    )
    assert not wrong.success
    assert [log.event for log in wrong.logs] == ["sent.yaml:6: entry 1, atrs: It is unknown; attrs is meant?"]
    for sent in ({"context": "{}"}, {"path": "default/gone.yaml"}, {"file": ("a", b"version: 1"), "context": "[]"}):
        status, _ = called(partial(managed.managed_blueprints_import_create, **sent))
        assert status == 400


def test_a_body_that_is_no_form_is_refused(api: ApiHouse) -> None:
    with api.http() as http:
        for body, kind in (
            (b"x", "multipart/form-data"),
            (b"--x", "multipart/form-data; boundary=x"),
            (b"{}", "text/plain"),
        ):
            answer = http.post("/managed/blueprints/import/", content=body, headers={"Content-Type": kind})
            assert (answer.status_code, answer.json()["code"]) in ((400, "blueprint.form"), (400, "blueprint.empty"))


def test_only_superusers_store_or_apply_and_nobody_else_reads_what_is_in_them(
    api: ApiHouse, managed: ak.ManagedApi
) -> None:
    name = api.unique("own")
    made = managed.managed_blueprints_create(
        ak.BlueprintInstanceRequest(name=name, content=content(name), context={"secret": "hunter2"})
    )
    viewer = ak.ManagedApi(api.client(api.token("authentik_blueprints.view_blueprintinstance")))
    seen = viewer.managed_blueprints_retrieve(made.pk)
    assert (seen.name, seen.content, seen.context) == (name, "", {})
    asked = ak.BlueprintInstanceRequest(name="x", content=content("x"))
    for refused in (
        lambda: viewer.managed_blueprints_create(asked),
        lambda: viewer.managed_blueprints_update(made.pk, asked),
        lambda: viewer.managed_blueprints_destroy(made.pk),
        lambda: viewer.managed_blueprints_apply_create(made.pk),
        lambda: viewer.managed_blueprints_import_create(file=("a", content("x").encode())),
    ):
        assert called(refused)[0] == 403
