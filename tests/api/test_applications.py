import json

import authentik_client as ak
import pytest

from ostiary.applications.bindings import Target
from ostiary.applications.registry import existing
from ostiary.events.record import COMMAND
from ostiary.policies.engine import Kind
from tests.api.house import ApiHouse, called


@pytest.fixture
def core(api: ApiHouse) -> ak.CoreApi:
    return ak.CoreApi(api.client())


@pytest.fixture
def providers(api: ApiHouse) -> ak.ProvidersApi:
    return ak.ProvidersApi(api.client())


def flows(api: ApiHouse) -> dict[str, str]:
    async def ids() -> dict[str, str]:
        from ostiary.objects.flow_references import ids_of

        async with api.parts.database.reading() as r:
            return await ids_of(
                r, ["default-provider-authorization-implicit-consent", "default-provider-invalidation-flow"]
            )

    found = api.run(ids())
    return {
        "authorization_flow": found["default-provider-authorization-implicit-consent"],
        "invalidation_flow": found["default-provider-invalidation-flow"],
    }


def provider_request(api: ApiHouse, name: str, **more: object) -> ak.ProxyProviderRequest:
    wanted = {
        "name": name,
        **flows(api),
        "external_host": f"https://{name}.example.com",
        "mode": ak.ProxyMode.FORWARD_SINGLE,
        **more,
    }
    return ak.ProxyProviderRequest(**wanted)


def test_what_terraform_does_leaves_no_difference(api: ApiHouse, core: ak.CoreApi, providers: ak.ProvidersApi) -> None:
    name = api.unique("hello")
    asked = provider_request(
        api,
        name,
        access_token_validity="minutes=90",
        refresh_token_validity="days=30",
        skip_path_regex="^/health$",
        basic_auth_enabled=False,
        intercept_header_auth=True,
        internal_host_ssl_validation=True,
        property_mappings=[],
        jwt_federation_sources=[],
        jwt_federation_providers=[],
    )
    made = providers.providers_proxy_create(asked)
    application = core.core_applications_create(
        ak.ApplicationRequest(
            name="Hello",
            slug=name,
            provider=made.pk,
            group="",
            open_in_new_tab=False,
            meta_launch_url="",
            meta_description="Says hello",
            meta_publisher="Us",
            policy_engine_mode=ak.PolicyEngineMode.ANY,
            backchannel_providers=[],
        )
    )
    assert application.provider == made.pk
    assert application.launch_url == f"https://{name}.example.com"
    read = providers.providers_proxy_retrieve(made.pk)
    for field, value in asked.to_dict().items():
        assert json.loads(read.to_json())[field] == json.loads(json.dumps(value, default=str)), field
    assert read.assigned_application_slug == name
    updated = providers.providers_proxy_update(
        made.pk, provider_request(api, name, access_token_validity="hours=2", skip_path_regex="")
    )
    assert (updated.access_token_validity, updated.skip_path_regex) == ("hours=2", "")
    assert providers.providers_proxy_retrieve(made.pk) == updated
    renamed = core.core_applications_update(
        name, ak.ApplicationRequest(name="Hello again", slug=f"{name}-2", provider=made.pk)
    )
    assert core.core_applications_retrieve(f"{name}-2") == renamed
    assert [one.name for one in providers.providers_proxy_used_by_list(made.pk)] == ["Hello again"]
    core.core_applications_destroy(f"{name}-2")
    assert providers.providers_proxy_retrieve(made.pk).assigned_application_slug is None
    providers.providers_proxy_destroy(made.pk)
    assert called(lambda: providers.providers_proxy_retrieve(made.pk))[0] == 404


def test_lists_and_types(api: ApiHouse, core: ak.CoreApi, providers: ak.ProvidersApi) -> None:
    name = api.unique("listed")
    made = providers.providers_proxy_create(provider_request(api, name))
    core.core_applications_create(ak.ApplicationRequest(name=name, slug=name, group="Tools"))
    assert [one.pk for one in providers.providers_proxy_list(name__iexact=name.upper()).results] == [made.pk]
    assert [one.pk for one in providers.providers_all_list(search=name, application__isnull=True).results] == [made.pk]
    assert providers.providers_all_list(search=name, application__isnull=False).results == []
    assert providers.providers_all_list(search=name, backchannel=True).results == []
    assert providers.providers_all_retrieve(made.pk).name == name
    assert [one.model_name for one in providers.providers_all_types_list()] == ["proxyprovider"]
    assert [one.slug for one in core.core_applications_list(search=name).results] == [name]
    assert [one.slug for one in core.core_applications_list(group="Tools", ordering="-name").results] == [name]
    providers.providers_all_destroy(made.pk)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"external_host": "hello"}, "external_host", "provider.external_host_invalid"),
        ({"mode": "proxy"}, "mode", "provider.not_supported_yet"),
        ({"skip_path_regex": "/open"}, "skip_path_regex", "provider.skip_path_regex_unanchored"),
        ({"authorization_flow": "00000000-0000-0000-0000-000000000009"}, "authorization_flow", "flow.not_found"),
        ({"property_mappings": ["00000000-0000-0000-0000-000000000009"]}, "property_mappings", "mapping.not_found"),
        ({"certificate": "00000000-0000-0000-0000-000000000009"}, "certificate", "provider.not_supported_yet"),
        ({"access_token_validity": "soon"}, "access_token_validity", "duration.invalid"),
    ],
)
def test_a_wrong_provider_is_refused_whole(
    api: ApiHouse, providers: ak.ProvidersApi, change: dict[str, object], field: str, code: str
) -> None:
    name = api.unique("wrong")
    status, body = called(lambda: providers.providers_proxy_create(provider_request(api, name, **change)))
    told = json.loads(body)
    assert (status, told["code"]) == (400, code)
    assert len(told[field]) == 1
    assert providers.providers_proxy_list(name__iexact=name).pagination.count == 0


def test_an_application_with_a_wrong_provider_is_not_stored(api: ApiHouse, core: ak.CoreApi) -> None:
    name = api.unique("none")
    status, body = called(
        lambda: core.core_applications_create(ak.ApplicationRequest(name=name, slug=name, provider=987654))
    )
    assert (status, json.loads(body)["code"]) == (400, "provider.not_found")
    assert core.core_applications_list(slug=name).results == []


def test_people_see_what_they_may_open_and_nothing_more(api: ApiHouse, core: ak.CoreApi) -> None:
    person = api.unique("ada")
    token = api.token(username=person)
    mine, others, open_to_all = (api.unique(name) for name in ("mine", "others", "open"))
    for slug in (mine, others, open_to_all):
        core.core_applications_create(ak.ApplicationRequest(name=slug, slug=slug))
    api.run(api.parts.bindings.put(mine, Target(Kind.USER, person), by=COMMAND))
    api.token(username=f"{person}-2")
    api.run(api.parts.bindings.put(others, Target(Kind.USER, f"{person}-2"), by=COMMAND))
    hers = ak.CoreApi(api.client(token))
    page = hers.core_applications_list(page_size=100)
    slugs = {one.slug for one in page.results}
    assert {mine, open_to_all} <= slugs
    assert others not in slugs
    assert page.pagination.count == len(slugs)
    assert hers.core_applications_check_access_retrieve(mine).passing
    assert hers.core_applications_check_access_retrieve(mine).messages == []
    assert called(lambda: hers.core_applications_retrieve(others))[0] == 404
    assert called(lambda: hers.core_applications_check_access_retrieve(others))[0] == 404
    assert called(lambda: hers.core_applications_destroy(mine))[0] == 403
    checked = core.core_applications_check_access_retrieve(others)
    assert not checked.passing
    assert checked.messages == [f"The person is not {person}-2."]


def test_two_administrators_do_not_overwrite_each_other(api: ApiHouse) -> None:
    slug = api.unique("shared")
    with api.http() as http:
        made = http.post("/core/applications/", json={"name": "Shared", "slug": slug})
        tag = made.headers["etag"]
        assert http.get(f"/core/applications/{slug}/").headers["etag"] == tag
        first = http.patch(f"/core/applications/{slug}/", json={"name": "First"}, headers={"If-Match": tag})
        assert first.status_code == 200
        second = http.patch(f"/core/applications/{slug}/", json={"group": "Second"}, headers={"If-Match": tag})
        assert (second.status_code, second.json()["code"]) == (412, "api.changed_meanwhile")
        gone = http.delete(f"/core/applications/{slug}/", headers={"If-Match": tag})
        assert gone.status_code == 412
        now = http.get(f"/core/applications/{slug}/")
        assert (now.json()["name"], now.json()["group"]) == ("First", "")
        after = http.put(
            f"/core/applications/{slug}/",
            json={"name": "Second", "slug": slug},
            headers={"If-Match": f'"x", {now.headers["etag"]}'},
        )
        assert after.json()["name"] == "Second"


def test_without_a_word_the_settings_say_who_may_open_it(api: ApiHouse) -> None:
    admin = ak.AdminApi(api.client())
    flags = admin.admin_settings_retrieve().flags.to_dict()
    with api.http() as http:
        for everyone, access in ((False, "bound"), (True, "everyone")):
            answer = http.patch("/admin/settings/", json={"flags": {**flags, "core_default_app_access": everyone}})
            assert answer.status_code == 200
            slug = api.unique("silent")
            http.post("/core/applications/", json={"name": "Silent", "slug": slug})
            found = api.run(_access(api, slug))
            assert found == access


async def _access(api: ApiHouse, slug: str) -> str:
    async with api.parts.database.reading() as r:
        return (await existing(r, slug)).application.access


def test_what_authentik_lacks_is_set_in_place_and_read_at_an_address_of_ours(api: ApiHouse) -> None:
    name = api.unique("ours")
    with api.http() as http:
        provider = json.loads(provider_request(api, name).to_json()) | {
            "handoff": "in_place",
            "open_paths": ["/public"],
        }
        made = http.post("/providers/proxy/", json=provider).json()
        assert "handoff" not in made
        whole = http.get(f"/ostiary/providers/proxy/{made['pk']}/").json()
        assert (whole["handoff"], whole["open_paths"]) == ("in_place", ["/public"])
        http.post("/core/applications/", json={"name": name, "slug": name, "access": "bound", "contact": "Ann"})
        assert "access" not in http.get(f"/core/applications/{name}/").json()
        assert "contact" not in http.get("/core/applications/", params={"slug": name}).json()["results"][0]
        whole = http.get(f"/ostiary/core/applications/{name}/").json()
        assert (whole["access"], whole["contact"], whole["enabled"]) == ("bound", "Ann", True)
    with api.http(api.token()) as person:
        assert person.get(f"/ostiary/core/applications/{name}/").status_code == 404


def test_lists_tell_what_somebody_may_open(api: ApiHouse, core: ak.CoreApi) -> None:
    person = api.unique("bob")
    token = api.token(username=person)
    mine, others = api.unique("bobs"), api.unique("not-bobs")
    for slug in (mine, others):
        core.core_applications_create(ak.ApplicationRequest(name=slug, slug=slug, meta_launch_url="https://a.example"))
    bare = api.unique("bare")
    core.core_applications_create(ak.ApplicationRequest(name=bare, slug=bare))
    api.run(api.parts.bindings.put(mine, Target(Kind.USER, person), by=COMMAND))
    api.run(api.parts.bindings.put(others, Target(Kind.USER, api_user(api)), by=COMMAND))
    pk = core.core_users_list(username=person).results[0].pk
    his = {one.slug for one in core.core_applications_list(for_user=pk, page_size=100).results}
    assert mine in his
    assert others not in his
    every = {one.slug for one in core.core_applications_list(page_size=100).results}
    assert {mine, others, bare} <= every
    own = {one.slug for one in core.core_applications_list(superuser_full_list=False, page_size=100).results}
    assert not {mine, others} & own
    led = {one.slug for one in core.core_applications_list(only_with_launch_url=True, page_size=100).results}
    assert mine in led
    assert bare not in led
    root = core.core_users_me_retrieve().user.pk
    bobs = ak.CoreApi(api.client(token))
    assert called(lambda: bobs.core_applications_list(for_user=root))[0] == 403
    assert called(lambda: core.core_applications_list(for_user=987654))[0] == 400


def api_user(api: ApiHouse) -> str:
    """Somebody else."""
    name = api.unique("somebody")
    api.token(username=name)
    return name


def test_nobody_takes_a_provider_that_they_may_not_see(api: ApiHouse, providers: ak.ProvidersApi) -> None:
    spare, used = [providers.providers_proxy_create(provider_request(api, api.unique("door"))).pk for _ in range(2)]
    hidden = api.unique("hidden")
    with api.http() as http:
        body = {"name": hidden, "slug": hidden, "provider": used, "access": "bound"}
        assert http.post("/core/applications/", json=body).status_code == 201
    adds = "authentik_core.add_application"
    with api.http(api.token(adds, "authentik_core.change_application")) as http:
        slug = api.unique("mine")
        answers = [
            http.post("/core/applications/", json={"name": slug, "slug": slug, "provider": pk})
            for pk in (spare, used, 99_999)
        ]
        assert {(one.status_code, one.text) for one in answers} == {(400, answers[2].text)}
        assert answers[2].json()["code"] == "provider.not_found"
        assert http.post("/core/applications/", json={"name": slug, "slug": slug}).status_code == 201
        answer = http.patch(f"/core/applications/{slug}/", json={"provider": spare})
        assert (answer.status_code, answer.json()["code"]) == (400, "provider.not_found")
    with api.http(api.token("authentik_core.change_application", ("authentik_core.view_provider", spare))) as http:
        assert http.patch(f"/core/applications/{slug}/", json={"provider": spare}).status_code == 200
