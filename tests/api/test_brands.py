import asyncio
import json

import authentik_client as ak
import pytest
from sqlalchemy import select

from ostiary.brands.fields import OWN_PICTURES
from ostiary.events.models import Event
from ostiary.flows.models import Flow
from tests.api.house import ApiHouse, called
from tests.brands.conftest import PIXEL


@pytest.fixture
def brands(api: ApiHouse) -> ak.CoreApi:
    return ak.CoreApi(api.client())


@pytest.fixture
def flow(api: ApiHouse) -> str:
    async def found() -> str:
        async with api.parts.database.reading() as r:
            query = select(Flow.id).where(Flow.slug == "default-authentication-flow")
            return (await r.scalars(query)).one()

    return api.run(found())


def domain(api: ApiHouse) -> str:
    return f"{api.unique('b')}.example.com"


def test_a_brand_lives_from_creation_to_deletion(api: ApiHouse, brands: ak.CoreApi, flow: str) -> None:
    asked = ak.BrandRequest(
        domain=domain(api),
        branding_title="Acme",
        branding_logo=PIXEL,
        branding_custom_css="b { }",
        flow_authentication=flow,
        attributes={"team": "a"},
    )
    made = brands.core_brands_create(asked)
    assert (made.domain, made.branding_title, made.branding_logo) == (asked.domain, "Acme", PIXEL)
    assert (str(made.flow_authentication), made.attributes, made.default) == (flow, {"team": "a"}, False)
    assert made.branding_favicon == OWN_PICTURES["branding_favicon"]
    assert brands.core_brands_retrieve(made.brand_uuid) == made
    assert brands.core_brands_list(domain=made.domain).results == [made]
    for given in (
        {"brand_uuid": made.brand_uuid},
        {"branding_logo": PIXEL},
        {"flow_authentication": flow, "domain": made.domain},
        {"search": made.domain},
        {"branding_title": "Acme", "default": False, "branding_favicon": OWN_PICTURES["branding_favicon"]},
    ):
        assert made in brands.core_brands_list(**given, ordering="-domain").results
    for none in ({"flow_lockdown": flow}, {"web_certificate": flow}, {"client_certificates": [flow]}):
        assert brands.core_brands_list(**none).results == []
    # What is read can be written: nothing changes.
    same = brands.core_brands_update(made.brand_uuid, ak.BrandRequest.model_validate(made.to_dict()))
    assert same == made
    patched = brands.core_brands_partial_update(made.brand_uuid, ak.PatchedBrandRequest(branding_title="Other"))
    assert (patched.branding_title, patched.branding_logo) == ("Other", PIXEL)
    assert brands.core_brands_used_by_list(made.brand_uuid) == []
    brands.core_brands_destroy(made.brand_uuid)
    assert called(lambda: brands.core_brands_retrieve(made.brand_uuid))[0] == 404


def test_a_brand_without_a_title_has_the_installations_and_keeps_having_it(api: ApiHouse, brands: ak.CoreApi) -> None:
    made = brands.core_brands_create(ak.BrandRequest(domain=domain(api)))
    assert made.branding_title == "Ostiary"
    brands.core_brands_update(made.brand_uuid, ak.BrandRequest.model_validate(made.to_dict()))

    async def title() -> str:
        from ostiary.brands.models import Brand

        async with api.parts.database.reading() as r:
            return (await r.get_one(Brand, str(made.brand_uuid))).title

    assert api.run(title()) == ""


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("domain", "Auth.example.com", "brand.domain_invalid"),
        ("branding_logo", "/media/public/logo.png", "brand.branding_logo_invalid"),
        ("branding_map_tiles", "https://tiles.example.com/{z}/{x}/{y}", "brand.not_supported_yet"),
        ("flow_authentication", "00000000-0000-4000-8000-000000000000", "brand.flow_authentication_invalid"),
        ("flow_device_code", "00000000-0000-4000-8000-000000000000", "brand.not_supported_yet"),
        ("web_certificate", "00000000-0000-4000-8000-000000000000", "brand.not_supported_yet"),
        ("default_application", "00000000-0000-4000-8000-000000000000", "brand.default_application_invalid"),
        ("attributes", {"settings": {"locale": "de"}}, "brand.not_supported_yet"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(
    api: ApiHouse, brands: ak.CoreApi, field: str, value: object, code: str
) -> None:
    given = {"domain": domain(api), "branding_title": "New", field: value}
    status, body = called(lambda: brands.core_brands_create(ak.BrandRequest.model_validate(given)))
    assert (status, set(json.loads(body)), json.loads(body)["code"]) == (400, {field, "code"}, code)
    assert brands.core_brands_list(branding_title="New").results == []


def test_one_brand_is_the_default_at_every_moment(api: ApiHouse, brands: ak.CoreApi) -> None:
    (first,) = brands.core_brands_list(default=True).results
    made = brands.core_brands_create(ak.BrandRequest(domain=domain(api), default=True))
    assert [one.brand_uuid for one in brands.core_brands_list(default=True).results] == [made.brand_uuid]
    status, body = called(
        lambda: brands.core_brands_partial_update(made.brand_uuid, ak.PatchedBrandRequest(default=False))
    )
    assert (status, json.loads(body)["code"]) == (400, "brand.default_needed")
    assert called(lambda: brands.core_brands_destroy(made.brand_uuid))[0] == 409
    brands.core_brands_partial_update(first.brand_uuid, ak.PatchedBrandRequest(default=True))
    brands.core_brands_destroy(made.brand_uuid)


def test_anybody_reads_the_brand_of_the_host_that_they_ask(api: ApiHouse, brands: ak.CoreApi) -> None:
    own = api.origin.removeprefix("http://")
    nobody = ak.CoreApi(ak.ApiClient(ak.Configuration(host=f"{api.origin}/api/v3")))
    api.run(api_refresh(api))
    default = nobody.core_brands_current_retrieve()
    assert (default.matched_domain, default.branding_title) == ("authentik-default", "Ostiary")
    assert default.flow_authentication == "default-authentication-flow"
    with api.http("") as http:
        assert http.get(f"{api.origin}{default.branding_logo}").status_code == 200
    made = brands.core_brands_create(
        ak.BrandRequest(domain=own, branding_title="Mine", branding_logo=PIXEL, branding_custom_css="i { }")
    )
    api.run(api_refresh(api))
    mine = nobody.core_brands_current_retrieve()
    assert (mine.matched_domain, mine.branding_title, mine.branding_custom_css) == (own, "Mine", "i { }")
    with api.http("") as http:
        assert http.get(f"{api.origin}{mine.branding_logo}").headers["content-type"] == "image/png"
    brands.core_brands_destroy(made.brand_uuid)
    api.run(api_refresh(api))
    assert nobody.core_brands_current_retrieve() == default


async def api_refresh(api: ApiHouse) -> None:
    """Waits until a server that polls has seen every change."""
    await asyncio.sleep(0.9)


def test_who_only_sees_brands_changes_none(api: ApiHouse, brands: ak.CoreApi) -> None:
    (default,) = brands.core_brands_list(default=True).results
    sees = ak.CoreApi(
        api.client(
            api.token("authentik_brands.view_brand", "authentik_brands.change_brand", "authentik_brands.add_brand")
        )
    )
    assert sees.core_brands_retrieve(default.brand_uuid) == default
    for attempt in (
        lambda: sees.core_brands_partial_update(default.brand_uuid, ak.PatchedBrandRequest(branding_title="Mine")),
        lambda: sees.core_brands_create(ak.BrandRequest(domain=domain(api))),
        lambda: sees.core_brands_destroy(default.brand_uuid),
    ):
        assert called(attempt)[0] == 403
    person = ak.CoreApi(api.client(api.token()))
    assert called(person.core_brands_list)[0] == 403


def test_two_administrators_see_each_others_change(api: ApiHouse, brands: ak.CoreApi) -> None:
    made = brands.core_brands_create(ak.BrandRequest(domain=domain(api)))
    with api.http() as http:
        tag = http.get(f"/core/brands/{made.brand_uuid}/").headers["etag"]
        brands.core_brands_partial_update(made.brand_uuid, ak.PatchedBrandRequest(branding_custom_css="a { }"))
        late = http.patch(
            f"/core/brands/{made.brand_uuid}/", json={"branding_title": "Late"}, headers={"If-Match": tag}
        )
    assert late.status_code == 412
    assert brands.core_brands_retrieve(made.brand_uuid).branding_title == "Ostiary"


def test_every_change_is_an_event_of_its_author(api: ApiHouse, brands: ak.CoreApi) -> None:
    made = brands.core_brands_create(ak.BrandRequest(domain=domain(api)))

    async def events() -> list[tuple[str, object]]:
        async with api.parts.database.reading() as r:
            found = await r.scalars(select(Event).where(Event.room == "brands").order_by(Event.id.desc()).limit(1))
            return [
                (event.action, event.user["username"]) for event in found if event.context["pk"] == str(made.brand_uuid)
            ]

    ((action, username),) = api.run(events())
    assert action == "model_created"
    assert str(username).startswith("person-")


def test_an_application_says_which_brands_send_people_to_it(api: ApiHouse, brands: ak.CoreApi) -> None:
    slug = api.unique("app")
    application = brands.core_applications_create(ak.ApplicationRequest(name=slug, slug=slug))
    made = brands.core_brands_create(ak.BrandRequest(domain=domain(api), default_application=application.pk))
    assert made.default_application == application.pk
    uses = brands.core_applications_used_by_list(slug)
    assert [(one.model_name, one.name, one.action) for one in uses] == [("brand", made.domain, "set_null")]
    brands.core_applications_destroy(slug)
    assert brands.core_brands_retrieve(made.brand_uuid).default_application is None


def test_a_flow_says_which_brands_lead_to_it_and_stays(api: ApiHouse, brands: ak.CoreApi) -> None:
    flows = ak.FlowsApi(api.client())
    slug = api.unique("lost")
    flow = flows.flows_instances_create(
        ak.FlowRequest(name=slug, slug=slug, title=slug, designation=ak.FlowDesignationEnum.RECOVERY)
    )
    made = brands.core_brands_create(ak.BrandRequest(domain=domain(api), flow_recovery=flow.pk))
    uses = flows.flows_instances_used_by_list(slug)
    assert [(one.app, one.model_name, one.pk) for one in uses] == [("authentik_brands", "brand", str(made.brand_uuid))]
    assert called(lambda: flows.flows_instances_destroy(slug))[0] == 409
    brands.core_brands_destroy(made.brand_uuid)
    flows.flows_instances_destroy(slug)
