import json

import authentik_client as ak
import pytest

from tests.api.house import ApiHouse, called


@pytest.fixture
def mappings(api: ApiHouse) -> ak.PropertymappingsApi:
    return ak.PropertymappingsApi(api.client())


def wanted(api: ApiHouse, **more: str) -> ak.ScopeMappingRequest:
    name = api.unique("team")
    return ak.ScopeMappingRequest(
        **{"name": name, "scope_name": f"X-{name}", "expression": "user.attributes.team", **more}
    )


def test_a_scope_mapping_lives_from_creation_to_deletion(api: ApiHouse, mappings: ak.PropertymappingsApi) -> None:
    asked = wanted(api)
    made = mappings.propertymappings_provider_scope_create(asked)
    assert (made.name, made.scope_name, made.expression) == (asked.name, asked.scope_name, asked.expression)
    assert mappings.propertymappings_provider_scope_retrieve(made.pk) == made
    assert mappings.propertymappings_provider_scope_list(name=made.name).results == [made]
    changed = mappings.propertymappings_provider_scope_update(
        made.pk, ak.ScopeMappingRequest(name=f"{made.name}-2", scope_name=made.scope_name, expression="user.email")
    )
    assert changed.name == f"{made.name}-2"
    patched = mappings.propertymappings_provider_scope_partial_update(
        made.pk, ak.PatchedScopeMappingRequest(expression="user.name")
    )
    assert (patched.name, patched.expression) == (changed.name, "user.name")
    assert mappings.propertymappings_provider_scope_used_by_list(made.pk) == []
    mappings.propertymappings_provider_scope_destroy(made.pk)
    assert called(lambda: mappings.propertymappings_provider_scope_retrieve(made.pk))[0] == 404


def test_a_wrong_field_is_named_and_nothing_is_stored(api: ApiHouse, mappings: ak.PropertymappingsApi) -> None:
    asked = wanted(api, scope_name="Cookie")
    status, body = called(lambda: mappings.propertymappings_provider_scope_create(asked))
    assert status == 400
    assert json.loads(body)["code"] == "header.name_reserved"
    assert list(json.loads(body)) == ["scope_name", "code"]
    assert mappings.propertymappings_provider_scope_list(name=asked.name).results == []
