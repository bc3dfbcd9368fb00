"""The headers of every page, and the layout's promises to people."""

import re

import pytest
from starlette.responses import HTMLResponse

from ostiary.web.pages import Pages
from ostiary.web.static import Static
from tests.house import PACKAGE


def text(page: HTMLResponse) -> str:
    return bytes(page.body).decode()


@pytest.fixture
def pages() -> Pages:
    return Pages(
        templates=PACKAGE / "templates", static=Static(PACKAGE / "static"), title="Acme <sso>", contact="a@example.com"
    )


def test_a_page_may_run_nothing_and_be_framed_by_nobody(pages: Pages) -> None:
    page = pages.render("error.html", heading="h", message="m", code="c", link="")
    policy = page.headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none';"
        " form-action 'self'"
    )
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["x-frame-options"] == "DENY"


def test_a_form_may_end_at_the_origin_of_the_pending_request(pages: Pages) -> None:
    page = pages.render(
        "error.html", form_action=("https://hello.example.com:8443",), heading="h", message="m", code="c", link=""
    )
    assert page.headers["content-security-policy"].endswith("form-action 'self' https://hello.example.com:8443")


@pytest.mark.parametrize(
    "origin", ["https://a.example; script-src *", "*", "javascript:x", "https://a.example/path", "'unsafe-inline'", ""]
)
def test_what_is_no_origin_never_reaches_the_policy(pages: Pages, origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        pages.render("error.html", form_action=(origin,), heading="h", message="m", code="c", link="")


def test_values_are_escaped(pages: Pages) -> None:
    html = text(pages.render("error.html", heading="<script>", message="\"'><b>", code="c", link=""))
    assert "<script" not in html
    assert "<b>" not in html
    assert "Acme &lt;sso&gt;" in html


def test_no_template_holds_a_script_or_an_inline_style() -> None:
    for template in (PACKAGE / "templates").rglob("*.html"):
        source = template.read_text()
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|\|\s*safe|autoescape", source), template


def test_static_files_lie_below_the_prefix_of_the_host(pages: Pages) -> None:
    html = text(pages.render("error.html", assets="/ostiary", heading="h", message="m", code="c", link=""))
    assert re.search(r'href="/ostiary/static/style\.[0-9a-f]{12}\.css"', html)


def test_the_administrators_links_stand_below_every_page(pages: Pages) -> None:
    pages.footer_links = [{"name": "Help & more", "href": "https://help.example"}, {"name": "Acme", "href": None}]
    shown = text(pages.render("error.html", heading="h", message="m", code="c", link=""))
    foot = shown.split('<footer class="foot">')[1]
    assert '<a href="https://help.example" rel="noreferrer">Help &amp; more</a> · Acme' in foot
