"""Our pages as a person reads them: by labels and headings, never by what is behind them."""

import re

from playwright.sync_api import Page, expect

USERNAME = re.compile("username", re.IGNORECASE)
PASSWORD = re.compile("^password", re.IGNORECASE)
SIGN_IN = re.compile("^(sign|log) in$", re.IGNORECASE)


def expect_sign_in(page: Page) -> None:
    """The sign-in page, with both fields."""
    expect(page.get_by_label(USERNAME)).to_be_visible()
    expect(page.get_by_label(PASSWORD)).to_be_visible()


def sign_in(page: Page, username: str, password: str) -> None:
    """Fills in the sign-in page and sends it."""
    page.get_by_label(USERNAME).fill(username)
    page.get_by_label(PASSWORD).fill(password)
    page.get_by_role("button", name=SIGN_IN).click()


def expect_greeting(page: Page, title: str, username: str) -> None:
    """The application's page, which shows whom the proxy named."""
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    row = page.get_by_role("row").filter(has_text=re.compile("x-authentik-username", re.IGNORECASE))
    expect(row.get_by_role("cell")).to_have_text(username)
