import json
from typing import Any

import authentik_client as ak
import pytest

import ostiary
from tests.api.house import ApiHouse, called


@pytest.fixture
def admin(api: ApiHouse) -> ak.AdminApi:
    return ak.AdminApi(api.client())


def test_settings_are_read_changed_and_sent_back(api: ApiHouse, admin: ak.AdminApi) -> None:
    before = admin.admin_settings_retrieve()
    assert before.base_url == api.origin
    assert before.event_retention == "days=365"
    changed = admin.admin_settings_partial_update(
        ak.PatchedSettingsRequest(impersonation=False, footer_links=[{"name": "Help", "href": "https://help.example"}])
    )
    assert (changed.impersonation, changed.footer_links) == (
        False,
        [{"name": "Help", "href": "https://help.example"}],
    )
    assert admin.admin_settings_retrieve() == changed
    whole = ak.SettingsRequest.from_dict(before.to_dict())
    assert whole is not None
    assert admin.admin_settings_update(whole) == before


def test_page_sizes_are_what_the_settings_say(api: ApiHouse, admin: ak.AdminApi) -> None:
    outposts = ak.OutpostsApi(api.client())
    for number in range(3):
        outposts.outposts_instances_create(
            ak.OutpostRequest(name=api.unique(f"page{number}"), type="proxy", providers=[], config={})
        )
    admin.admin_settings_partial_update(
        ak.PatchedSettingsRequest(pagination_default_page_size=1, pagination_max_page_size=2)
    )
    assert len(outposts.outposts_instances_list().results) == 1
    assert len(outposts.outposts_instances_list(page_size=50).results) == 2
    admin.admin_settings_partial_update(
        ak.PatchedSettingsRequest(pagination_default_page_size=20, pagination_max_page_size=100)
    )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"avatars": "gravatar"}, "avatars"),
        ({"base_url": "https://elsewhere.example"}, "base_url"),
        ({"base_url": "x" * 300}, "base_url"),
        ({"event_retention": "soon"}, "event_retention"),
        ({"reputation_lower_limit": 3}, "reputation_lower_limit"),
        ({"pagination_default_page_size": 500}, "pagination_default_page_size"),
        ({"flags": {"flows_continuous_login": True}}, "flags"),
        ({"footer_links": "x"}, "footer_links"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_stored(
    api: ApiHouse, admin: ak.AdminApi, values: dict[str, Any], field: str
) -> None:
    before = admin.admin_settings_retrieve()
    with api.http() as http:
        answer = http.patch("/admin/settings/", json={"gdpr_compliance": True, **values})
    assert (answer.status_code, list(answer.json())) == (400, [field, "code"])
    assert admin.admin_settings_retrieve() == before


def test_two_who_change_the_settings_see_each_other(api: ApiHouse) -> None:
    with api.http() as http:
        tag = http.get("/admin/settings/").headers["etag"]
        for status, wanted in ((200, True), (412, False)):
            answer = http.patch("/admin/settings/", json={"gdpr_compliance": wanted}, headers={"If-Match": tag})
            assert answer.status_code == status
        assert http.get("/admin/settings/").json()["gdpr_compliance"] is True
        http.patch("/admin/settings/", json={"gdpr_compliance": False})
        assert http.put("/admin/settings/", json={"impersonation": True}).json()["flags"] == ["This field is required."]


def test_only_superusers_change_settings(api: ApiHouse) -> None:
    viewer = api.token("authentik_rbac.view_system_settings", "authentik_rbac.edit_system_settings")
    with api.http(viewer) as http:
        assert http.get("/admin/settings/").status_code == 200
        assert http.patch("/admin/settings/", json={"gdpr_compliance": True}).status_code == 403
    with api.http(api.token()) as http:
        assert http.get("/admin/settings/").status_code == 403


def test_version_and_system(api: ApiHouse, admin: ak.AdminApi) -> None:
    version = admin.admin_version_retrieve()
    assert (version.version_current, version.outdated, version.outpost_outdated) == (ostiary.__version__, False, False)
    (release,) = admin.admin_version_history_list()
    assert release.version == ostiary.__version__
    assert admin.admin_version_history_retrieve(release.id) == release
    assert admin.admin_version_history_list(version="9") == []
    assert called(lambda: admin.admin_version_history_retrieve(999))[0] == 404
    system = admin.admin_system_retrieve()
    assert (system.base_url, system.embedded_outpost_disabled) == (api.origin, False)
    assert system.runtime.authentik_version == "2026.8.5"
    assert system.brand == "authentik-default"
    assert api.root not in json.dumps(system.http_headers)
    assert admin.admin_system_create().base_url == api.origin
    person = ak.AdminApi(api.client(api.token()))
    assert person.admin_version_retrieve() == version
    assert called(person.admin_system_retrieve)[0] == 403
    assert called(person.admin_version_history_list)[0] == 403


def test_apps_and_models_are_those_that_exist(api: ApiHouse, admin: ak.AdminApi) -> None:
    assert "authentik.outposts" in [one.name for one in admin.admin_apps_list()]
    assert "authentik_outposts.outpost" in [one.name for one in admin.admin_models_list()]


def test_anybody_may_read_the_root_config(api: ApiHouse, admin: ak.AdminApi) -> None:
    nobody = ak.RootApi(ak.ApiClient(ak.Configuration(host=f"{api.origin}/api/v3")))
    config = nobody.root_config_retrieve()
    assert config.error_reporting.enabled is False
    assert [one.value for one in config.capabilities] == ["can_impersonate"]
    admin.admin_settings_partial_update(ak.PatchedSettingsRequest(impersonation=False))
    assert nobody.root_config_retrieve().capabilities == []
    admin.admin_settings_partial_update(ak.PatchedSettingsRequest(impersonation=True))
