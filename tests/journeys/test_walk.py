"""From an empty installation to a page that only signed-in people see, and out again."""

import re

from playwright.sync_api import Page, expect

from tests.journeys.conftest import Visitor
from tests.journeys.house import DOMAIN, TITLES, House
from tests.journeys.pages import expect_greeting, expect_sign_in, sign_in

ADMIN_PASSWORD = "correct horse battery staple"


def set_up(house: House, page: Page) -> str:
    """The first visit: the page asks for the code, says where to find it, and makes the administrator.

    Returns the link that the command printed.
    """
    page.goto(house.url("auth"))
    expect(page.get_by_label(re.compile("code", re.IGNORECASE))).to_be_visible()
    expect(page.get_by_text("ostiary setup-code").first).to_be_visible()
    output = house.ostiary("setup-code")
    link = re.search(r"https?://\S+", output)
    assert link, output
    assert link[0].startswith(house.url("auth"))
    page.goto(link[0])
    # The code is out of the address before anything is typed.
    assert "?" not in page.url
    for label in page.get_by_label(re.compile("password", re.IGNORECASE)).all():
        label.fill(ADMIN_PASSWORD)
    for label in page.get_by_label(re.compile("e-?mail", re.IGNORECASE)).all():
        label.fill(f"admin@{DOMAIN}")
    page.get_by_role("button", name="Set up").click()
    return link[0]


def test_from_first_visit_to_all_closed(house: House, visitor: Visitor) -> None:
    page = visitor()
    link = set_up(house, page)
    expect(page).to_have_url(house.url("auth", "/if/user/"))
    expect(page.get_by_text("akadmin").first).to_be_visible()
    # Whoever finds the link later finds the page closed.
    late = visitor()
    late.goto(link)
    expect(late.get_by_label(re.compile("password again", re.IGNORECASE))).to_have_count(0)

    house.prepare(
        (("group", "create", "board"), ""),
        house.app("hello"),
        house.app("wiki"),
        house.app("vault", "--group", "board", "--contact", f"keeper@{DOMAIN}"),
        house.person("anna", "a door that knows me", "--name", "Anna Ångström", "--email", f"anna@{DOMAIN}"),
    )

    # A stranger is asked who they are, and told where they are on the way to.
    page = visitor()
    page.goto(house.url("hello"))
    expect_sign_in(page)
    assert page.url.startswith(house.url("auth"))
    expect(page.get_by_text("hello", exact=False).first).to_be_visible()

    # What was typed stays, what went wrong is said, nothing opens.
    sign_in(page, "anna", "not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.url.startswith(house.url("auth"))

    sign_in(page, "anna", "a door that knows me")
    expect(page).to_have_url(house.url("hello"))
    expect_greeting(page, TITLES["hello"], "anna")
    expect(page.get_by_text("Anna Ångström")).to_be_visible()
    expect(page.get_by_text(f"anna@{DOMAIN}")).to_be_visible()

    # A deep link of a second application needs no second password.
    page.goto(house.url("wiki", "/deep/link?q=1&r=%2F"))
    expect(page).to_have_url(house.url("wiki", "/deep/link?q=1&r=%2F"))
    expect(page.get_by_text(TITLES["wiki"])).to_be_visible()

    # A refusal says why, and whom to ask.
    page.goto(house.url("vault"))
    expect(page.get_by_text(f"keeper@{DOMAIN}").first).to_be_visible()
    expect(page.get_by_text(TITLES["vault"])).to_have_count(0)
    expect(page.locator("main")).to_contain_text(re.compile("access|allowed|permission", re.IGNORECASE))

    # Another profile is a stranger.
    stranger = visitor()
    stranger.goto(house.url("hello"))
    expect_sign_in(stranger)

    # Signing out closes everything.
    page.goto(house.url("hello"))
    page.get_by_role("link", name="Sign out").click()
    confirm = page.get_by_role("button", name=re.compile("sign out|log out", re.IGNORECASE))
    if confirm.count():
        confirm.click()
    for name in TITLES:
        page.goto(house.url(name))
        expect_sign_in(page)
