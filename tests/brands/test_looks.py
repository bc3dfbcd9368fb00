"""What a browser meets at each of our hosts."""

import re
from typing import Any

import pytest
from sqlalchemy import select, text, update

from ostiary.applications.models import Application
from ostiary.brands.fields import OWN_PICTURES
from ostiary.events.record import COMMAND
from ostiary.flows.models import Flow
from tests.brands.conftest import ORIGIN, PASSWORD, PIXEL, House

FLOW = "/if/flow/default-authentication-flow/"
OTHER = "https://login.acme.test"
OUT = "default-invalidation-flow"


async def test_a_brands_host_is_ours_exactly_and_other_hosts_are_explained(house: House) -> None:
    assert (await house.browser(OTHER).get(FLOW)).status_code == 421
    brand = await house.brands.create("login.acme.test", {"branding_title": "Acme Login"}, by=COMMAND)
    page = await house.browser(OTHER).get(FLOW)
    assert page.status_code == 200
    assert "<title>Sign in · Acme Login</title>" in page.text
    assert "<title>Sign in · Acme</title>" in (await house.browser().get(FLOW)).text
    for host in ("a.login.acme.test", "acme.test", "xlogin.acme.test", "login.acme.test:8443", "authentik-default"):
        answer = await house.browser(f"https://{host}").get(FLOW)
        assert answer.status_code == 421
        assert f'href="{ORIGIN}"' in answer.text
    await house.brands.delete(brand.id, by=COMMAND)
    assert (await house.browser(OTHER).get(FLOW)).status_code == 421


async def test_a_person_signs_in_and_out_at_a_brands_host(house: House) -> None:
    await house.brands.create("login.acme.test", by=COMMAND)
    await house.person("ada")
    browser = house.browser(OTHER)
    answer = await browser.sign_in("ada", PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/if/user/")
    assert (await browser.get("/if/user/")).status_code == 200
    # The login is that host's; another host of ours asks anew.
    assert (await house.browser().get("/if/user/")).status_code == 303
    left = await browser.get("/ostiary/sign_out", Sec_Fetch_Site="same-origin", Sec_Fetch_Dest="document")
    assert left.headers["location"] == f"/if/flow/{OUT}/"
    await browser.get(f"/if/flow/{OUT}/", Sec_Fetch_Site="same-origin", Sec_Fetch_Dest="document")
    assert (await browser.get("/if/user/")).status_code == 303


async def test_the_default_brand_is_for_our_address_unless_another_names_it(house: House) -> None:
    await house.brands.update((await house.default()).id, {"branding_title": "House"}, by=COMMAND)
    assert "Sign in · House<" in (await house.browser().get(FLOW)).text
    named = await house.brands.create("auth.example.com", {"branding_title": "Named"}, by=COMMAND)
    assert "Sign in · Named<" in (await house.browser().get(FLOW)).text
    assert "· Named<" in (await house.browser().get("/nothing")).text
    assert "· Named<" in (await house.browser("https://hello.example.com").get("/ostiary/callback")).text
    await house.brands.delete(named.id, by=COMMAND)
    assert "Sign in · House<" in (await house.browser().get(FLOW)).text


@pytest.mark.parametrize("prefix", ["", "/ostiary", "/outpost.goauthentik.io"])
async def test_pictures_and_style_are_files_of_our_own_under_their_hash(house: House, prefix: str) -> None:
    values = {
        "branding_logo": PIXEL,
        "branding_favicon": "data:image/svg+xml;base64,PHN2Zy8+",
        "branding_default_flow_background": PIXEL,
        "branding_custom_css": ".card { color: rebeccapurple }",
    }
    await house.brands.update((await house.default()).id, values, by=COMMAND)
    browser = house.browser()
    page = await browser.get(f"{prefix}/callback" if prefix else FLOW)
    assert re.search(r"default-src 'none'; style-src 'self'; img-src 'self'; ", page.headers["content-security-policy"])
    logo, icon, sheet = (
        re.search(pattern, page.text)
        for pattern in (r'src="([^"]+\.png)"', r'rel="icon" href="([^"]+\.svg)"', r'href="([^"]+/brand\.[^"]+\.css)"')
    )
    assert logo
    assert icon
    assert sheet
    assert all(found[1].startswith(f"{prefix}/static/brand.") for found in (logo, icon, sheet))
    picture = await browser.get(logo[1])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.content.startswith(b"\x89PNG")
    assert "immutable" in picture.headers["cache-control"]
    # A picture that is a document runs nothing, should somebody open it alone.
    assert "sandbox" in (await browser.get(icon[1])).headers["content-security-policy"]
    css = (await browser.get(sheet[1])).text
    assert css.endswith(".card { color: rebeccapurple }")
    assert f'url("{logo[1].rsplit("/", 1)[1]}")' in css
    await house.brands.update((await house.default()).id, {"branding_custom_css": "b { }"}, by=COMMAND)
    assert (await browser.get(sheet[1])).status_code == 404


async def test_what_authentik_writes_for_no_picture_means_our_own(house: House) -> None:
    await house.brands.update((await house.default()).id, OWN_PICTURES, by=COMMAND)
    page = await house.browser().get(FLOW)
    assert "mark." in page.text
    assert "static/dist" not in page.text
    assert "img-src 'self'; " in page.headers["content-security-policy"]


async def test_a_picture_elsewhere_is_the_only_source_that_the_policy_gains(house: House) -> None:
    await house.brands.update(
        (await house.default()).id, {"branding_logo": "https://cdn.acme.test/logo.png?v=2"}, by=COMMAND
    )
    page = await house.browser().get(FLOW)
    assert 'src="https://cdn.acme.test/logo.png?v=2"' in page.text
    assert "img-src 'self' https://cdn.acme.test/logo.png; " in page.headers["content-security-policy"]


async def test_what_the_database_was_given_by_hand_never_reaches_the_policy(house: House) -> None:
    async with house.database.writing() as w:
        await w.execute(text("UPDATE brands SET logo = 'https://a.test/x; script-src *', title = '<script>'"))
    page = await house.browser().get(FLOW)
    assert "script" not in page.headers["content-security-policy"]
    assert "<script" not in page.text


async def test_links_lead_to_the_brands_flows(house: House) -> None:
    values = {
        "flow_authentication": await house.flow("acme-in", "authentication"),
        "flow_invalidation": await house.flow("acme-out", "invalidation"),
        "flow_recovery": await house.flow("acme-lost", "recovery"),
        "flow_unenrollment": await house.flow("acme-gone", "unenrollment"),
        "flow_user_settings": await house.flow("acme-me", "stage_configuration"),
    }
    await house.brands.create("login.acme.test", values, by=COMMAND)
    browser = house.browser(OTHER)
    assert (await browser.get("/if/user/")).headers["location"] == "/if/flow/acme-in/"
    assert (await browser.get("/if/user/sessions/")).headers["location"].startswith("/if/flow/acme-in/?intent=")
    assert "/if/flow/acme-lost/" in (await browser.get(FLOW)).text
    await house.person("ada")
    await browser.sign_in("ada", PASSWORD)
    home = (await browser.get("/if/user/")).text
    for slug in ("acme-out", "acme-gone", "acme-me"):
        assert f'href="/if/flow/{slug}/"' in home
    assert "/if/flow/acme-out/" in (await browser.get("/if/user/sessions/")).text
    assert "acme" not in (await house.browser().get(FLOW)).text
    # A flow's new address is followed at once.
    async with house.database.writing() as w:
        await w.execute(update(Flow).where(Flow.slug == "acme-out").values(slug="acme-bye"))
    assert "/if/flow/acme-bye/" in (await browser.get("/if/user/")).text


async def test_start_and_sign_out_of_an_application_lead_to_the_brands_flows(house: House) -> None:
    await house.server.parts.applications.add_proxied(
        "hello", access="everyone", proxy={"external_host": "https://hello.example.com"}, by=COMMAND
    )
    values = {
        "flow_authentication": await house.flow("acme-in", "authentication"),
        "flow_invalidation": await house.flow("acme-out", "invalidation"),
    }
    await house.brands.update((await house.default()).id, values, by=COMMAND)
    visitor = house.browser("https://hello.example.com")
    begun = await visitor.get("/ostiary/start?rd=https://hello.example.com/", Sec_Fetch_Mode="navigate")
    assert begun.headers["location"].startswith(f"{ORIGIN}/ostiary/start?attempt=")
    on_ours = await house.browser().get(begun.headers["location"].removeprefix(ORIGIN), Sec_Fetch_Mode="navigate")
    assert on_ours.headers["location"].startswith("/if/flow/acme-in/?intent=")
    left = await visitor.get("/ostiary/sign_out")
    assert left.headers["location"].startswith(f"{ORIGIN}/if/flow/acme-out/?intent=")


async def test_people_from_outside_go_on_to_the_default_application(house: House) -> None:
    applications = house.server.parts.applications
    await applications.add_proxied(
        "hello", access="everyone", proxy={"external_host": "https://hello.example.com"}, by=COMMAND
    )
    async with house.database.reading() as r:
        application = (await r.scalars(select(Application.id))).one()
    await house.brands.update((await house.default()).id, {"default_application": application}, by=COMMAND)
    await house.person("ada")
    await house.person("guest", "external")
    insider, browser = house.browser(), house.browser()
    await insider.sign_in("ada", PASSWORD)
    assert "http-equiv" not in (await insider.get("/if/user/")).text
    await browser.sign_in("guest", PASSWORD)
    assert 'content="0; url=https://hello.example.com"' in (await browser.get("/if/user/")).text
    # Who may not open it stays at home; and so does everybody when it is gone.
    await applications.disable("hello", by=COMMAND)
    assert "http-equiv" not in (await browser.get("/if/user/")).text
    await applications.enable("hello", by=COMMAND)
    assert "http-equiv" in (await browser.get("/if/user/")).text
    await applications.delete("hello", by=COMMAND)
    assert "http-equiv" not in (await browser.get("/if/user/")).text
    assert (await house.default()).default_application is None


async def test_a_page_costs_no_statement_more_than_before(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = house.browser()
    await browser.get(FLOW)
    asked: list[str] = []
    looks = house.server.looks
    freshness = looks._freshness
    ask = freshness.ask

    async def counted(load: Any) -> Any:
        asked.append("asked")
        return await ask(load)

    monkeypatch.setattr(freshness, "ask", counted)
    for _ in range(3):
        await browser.get(FLOW)
    assert asked == []
    await house.brands.update((await house.default()).id, {"branding_title": "New"}, by=COMMAND)
    assert "New" in (await browser.get(FLOW)).text
    assert asked == ["asked"]
