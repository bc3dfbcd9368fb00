"""A person with a real browser in front of Traefik, once for each hand-off."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.pages import expect_sign_in, sign_in
from tests.proxies.installation import ANNA, Installation
from tests.proxies.stand import Standing
from tests.proxies.test_openings import edited
from tests.rig.browser import chromium

DEEP = "/gr%C3%BC%C3%9Fe/a%20b?q=%C5%BE&x=%2F&list=1&list=2"
OWN_ROUTE = """    wiki-ostiary:
      rule: Host(`wiki.traefik.test`) && PathPrefix(`/ostiary/`)
      service: ostiary
"""


def with_a_route_of_ours(text: str) -> str:
    """The file of wiki with a way to Ostiary on its own host, as the hand-off by callback needs it."""
    return text.replace("  routers:\n    wiki:", f"  routers:\n{OWN_ROUTE}    wiki:")


@pytest.mark.journey
@pytest.mark.xdist_group("traefik")
@pytest.mark.parametrize("handoff", ["in_place", "callback"])
def test_a_person_signs_in_on_the_way_to_a_deep_link(installation: Installation, tmp_path: Path, handoff: str) -> None:
    change = "UPDATE proxy_providers SET handoff = ? WHERE external_host = 'http://wiki.traefik.test'"
    installation.sql(change, handoff)
    try:
        with edited("traefik", installation, tmp_path, with_a_route_of_ours) as door, chromium(door.port) as browser:
            context = browser.new_context(java_script_enabled=False)
            context.set_default_timeout(15_000)
            walk(door, context.new_page())
            context.close()
    finally:
        installation.sql(change, "in_place")


def walk(door: Standing, page: Page) -> None:
    """In by a deep link, to another tab, and to what is forbidden."""
    page.goto(door.url("wiki", DEEP))
    expect_sign_in(page)
    sign_in(page, *ANNA)
    expect(page).to_have_url(door.url("wiki", DEEP))
    facts = json.loads(page.locator("pre").inner_text())
    assert facts["line"] == f"GET {DEEP}"
    assert ["x-authentik-username", ANNA[0]] in facts["headers"]
    assert [one.target for one in door.arrived("wiki") if one.target != "/favicon.ico"] == [DEEP]
    # A second tab and a second application need no second password.
    tab = page.context.new_page()
    tab.goto(door.url("hello"))
    expect(tab.locator("pre")).to_contain_text(ANNA[0])
    # Whoever may not enter is told so by a page.
    answer = tab.goto(door.url("vault"))
    expect_refusal(tab)
    assert answer is not None
    assert not door.arrived("vault")
    # Signing out closes what was open.
    page.goto("http://auth.corp.test/ostiary/sign_out")
    confirm = page.get_by_role("button", name="out")
    if confirm.count():
        confirm.first.click()
    page.goto(door.url("wiki"))
    expect_sign_in(page)


def expect_refusal(page: Page) -> None:
    """Our page, which names neither group nor rule."""
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("board")
