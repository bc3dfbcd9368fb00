"""What went wrong with pages elsewhere, and must not here."""

from collections.abc import AsyncIterator

import pytest

from ostiary.flows.intent import Intent
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import PASSWORD, House, house

FLOW = "/if/flow/default-authentication-flow/"
OUT = "/if/flow/default-invalidation-flow/"
PAGES = ("/", FLOW, OUT, "/if/flow/initial-setup/", "/if/user/", "/nothing", "/if/flow/nothing/")


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


@pytest.mark.parametrize(
    "target", ["//evil.test", "/\\evil.test", "https:evil.test", "javascript:alert(1)", "https://evil.test"]
)
@pytest.mark.parametrize("name", ["rd", "next", "redirect_url", "intent", "resume", "run"])
async def test_fa_35_sign_in_ends_at_home_whatever_the_address_says(door: House, name: str, target: str) -> None:
    browser = door.browser()
    page = await browser.http.get(FLOW, params={name: target}, headers={"Accept": "text/html"})
    assert "evil" not in page.text
    await browser.get(str(page.request.url).replace("https://auth.example.com", ""))
    answer = await browser.send({"uid_field": "ada", "password": PASSWORD})
    assert answer.headers["location"] == "/if/user/"


@pytest.mark.parametrize("peer", ["203.0.113.7", "10.0.0.1"])
async def test_fa_37_a_forwarded_host_is_in_no_answer(door: House, peer: str) -> None:
    browser = door.browser(peer=peer)
    for path in PAGES:
        answer = await browser.get(
            path, X_Forwarded_Host="evil.test", X_Original_Host="evil.test", Forwarded="host=evil.test;proto=https"
        )
        assert "evil" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("scheme", ["javascript", "ftp", "http", "https\r\nX-Evil: 1"])
@pytest.mark.parametrize("peer", ["203.0.113.7", "10.0.0.1"])
async def test_fa_38_a_forwarded_scheme_is_in_no_answer(door: House, peer: str, scheme: str) -> None:
    browser = door.browser(peer=peer)
    for path in PAGES:
        answer = await browser.get(path, X_Forwarded_Proto=scheme)
        assert answer.headers.get("location", "/").startswith(("/", "./"))
        assert "x-evil" not in answer.headers
        assert all(cookie.startswith("__Host-") for cookie in answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "https://auth.example.com.evil.test"])
async def test_ad_06_no_origin_is_reflected(door: House, origin: str) -> None:
    browser = door.browser()
    await browser.sign_in()
    for path in PAGES:
        answer = await browser.get(path, Origin=origin)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        preflight = await browser.http.options(
            path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        )
        assert not [name for name in preflight.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("payload", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "';alert(1)//"])
async def test_ad_12_no_parameter_becomes_markup(door: House, payload: str) -> None:
    names = ("intent", "run", "ticket", "code", "next", "error", "message", "login_hint", "prompt", "csrf", "state")
    for path in (FLOW, OUT, "/if/flow/initial-setup/"):
        for name in names:
            answer = await door.browser().http.get(path, params={name: payload}, headers={"Accept": "text/html"})
            assert payload not in answer.text
    browser = door.browser()
    await browser.get(door.start.url(Intent("/x", payload, payload, login_hint=payload)))
    answer = await browser.send({"uid_field": payload, "password": payload})
    assert payload not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_ad_16_a_referer_is_never_a_link(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    for path in PAGES:
        answer = await browser.get(path, Referer="javascript:alert(document.domain)")
        assert "javascript:" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_ad_17_a_path_is_not_repeated(door: House, accept: str) -> None:
    for path in (
        "/admin/<script>alert(1)</script>",
        "/if/user/<b>x",
        "/if/flow/%3Cscript%3E/",
        '/x"onload="y',
        "/if/flow/<b>",
    ):
        answer = await door.browser().http.get(path, headers={"Accept": accept})
        assert answer.status_code in (404, 307)
        assert "script" not in answer.text.replace("script-src", "")
        assert "onload" not in answer.text
        assert "<b>" not in answer.text
