"""The way from a refused check to our host and back, and what is said where it ends."""

import re

import pytest

from ostiary.directory.models import User
from tests.forwardauth.street import Browser, Street

ROOT = "https://hello.example.com/"
DEEP = "https://hello.example.com/caf%C3%A9/a%2Fb?x=1&y=%zz&z=/%20'%22&w=a+b"
LONG = "https://hello.example.com/long?" + "&".join(f"k{n}=%E2%82%AC{n}" for n in range(128))


assert 2048 < len(LONG) < 2200


async def signed_in(street: Street, url: str = ROOT) -> Browser:
    browser = street.browser()
    await browser.open(url)
    page = await browser.sign_in_here()
    assert page.status_code == 200
    return browser


@pytest.mark.parametrize("url", [ROOT, DEEP, LONG, ROOT + "b//c;d?x=/../", ROOT + "it's?a'b"])
@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_a_first_visit_ends_where_it_was_going(street: Street, handoff: str, url: str) -> None:
    await street.house.application(handoff=handoff)
    browser = street.browser()
    page = await browser.open(url)
    assert page.status_code == 200
    assert "Hello" in page.text
    page = await browser.sign_in_here()
    assert page.status_code == 200
    assert page.headers["x-authentik-username"] == "ada"
    assert browser.trail[-1] == url
    assert browser.largest < 3900


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_the_application_never_sees_a_ticket(street: Street, handoff: str) -> None:
    await street.house.application(handoff=handoff)
    browser = await signed_in(street, DEEP)
    for url, answer in zip([u for u in browser.trail if u.startswith(ROOT + "caf")], browser.seen, strict=True):
        assert answer.status == 401 or "ticket" not in url


async def test_a_second_application_asks_for_no_second_password(street: Street) -> None:
    await street.house.application()
    await street.house.application("https://other.example.com")
    browser = await signed_in(street)
    page = await browser.open("https://other.example.com/x")
    assert (page.status_code, browser.trail[-1]) == (200, "https://other.example.com/x")


async def test_a_second_browser_is_a_stranger(street: Street) -> None:
    await street.house.application()
    await signed_in(street)
    assert (await street.browser().open(ROOT)).url.path.startswith("/if/flow/")


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_two_tabs_sign_in_at_once(street: Street, handoff: str) -> None:
    await street.house.application(handoff=handoff)
    browser = street.browser()
    await browser.open(ROOT + "one")
    first = browser.page
    await browser.open(ROOT + "two")
    page = await browser.sign_in_here()
    assert browser.trail[-1] == ROOT + "two"
    browser.page = first
    page = await browser.open("https://auth.example.com" + first.action)
    assert (page.status_code, browser.trail[-1]) == (200, ROOT + "one")


async def test_a_sign_in_begun_before_a_change_of_kind_is_explained(street: Street) -> None:
    door = await street.house.application()
    browser = street.browser()
    await browser.open(ROOT)
    await door.set(handoff="in_place")
    await street.house.let_know()
    page = await browser.sign_in_here()
    assert (page.status_code, "forward_auth.changed" in page.text) == (400, True)


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_a_refused_person_reads_why_and_whom_to_ask(street: Street, handoff: str) -> None:
    door = await street.house.application(handoff=handoff, access="bound", contact="ops@example.com")
    await street.house.bind(door, group_id=await street.house.group("secret-club"))
    browser = street.browser()
    await browser.open(ROOT)
    page = await browser.sign_in_here()
    assert page.status_code == 403
    assert "You cannot open Hello" in page.text
    assert "ops@example.com" in page.text
    assert "secret-club" not in page.text


async def test_an_administrator_reads_the_rules_too(street: Street) -> None:
    door = await street.house.application(access="bound")
    await street.house.bind(door, group_id=await street.house.group("secret-club"))
    await street.house.join("ada", await street.house.group("admins", is_superuser=True))
    browser = street.browser()
    await browser.open(ROOT)
    assert "secret-club" in (await browser.sign_in_here()).text


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_who_loses_access_while_inside_is_sent_to_the_explanation(street: Street, handoff: str) -> None:
    door = await street.house.application(handoff=handoff)
    browser = await signed_in(street)
    await door.set(access="bound")
    await street.house.let_know()
    page = await browser.open(ROOT)
    assert (page.status_code, "You cannot open Hello" in page.text) == (403, True)


async def test_a_form_that_met_the_door_comes_back_as_a_page_that_says_so(street: Street) -> None:
    await street.house.application(handoff="in_place")
    browser = street.browser()
    page = await browser.open(ROOT + "send?x=1", "POST")
    assert page.url.path.startswith("/if/flow/")
    page = await browser.sign_in_here()
    assert page.status_code == 200
    assert "what you sent was not delivered" in page.text
    assert f'href="{ROOT}send?x=1"' in page.text
    assert "ticket" not in "".join(browser.trail)


async def test_a_form_that_met_the_door_is_named_where_the_proxy_tells_the_method(street: Street) -> None:
    await street.house.application()
    browser = street.browser()
    await browser.open("https://hello.example.com/ostiary/start?method=POST&rd=%2Fsend")
    assert "what you sent was not delivered" in (await browser.sign_in_here()).text


async def cookie_name(street: Street) -> str:
    return next(iter(street.house.table.rules.by_host.values())).provider_uuid[:8]


async def test_a_host_that_is_not_set_up_is_named_and_nothing_else(street: Street) -> None:
    page = await street.browser().open("https://nobody.example.com/x")
    assert page.status_code == 404
    assert "nobody.example.com" in page.text
    page = await street.browser().get(
        "https://auth.example.com/ostiary/start?rd=https://%3Cscript%3E.example.com%2F", X_Forwarded_Proto="https"
    )
    assert "<script>" not in page.text


async def test_an_undeclared_proxy_is_named(street: Street) -> None:
    await street.house.application()
    browser = street.pages.browser("https://hello.example.com", peer="192.0.2.9")
    page = await browser.get("/outpost.goauthentik.io/start?rd=%2F", X_Forwarded_Host="hello.example.com")
    assert page.status_code == 403
    assert "192.0.2.9" in page.text


@pytest.mark.parametrize(
    "rd",
    [
        "https://evil.test/",
        "//evil.test",
        "https://hello.example.com@evil.test/",
        "https://hello.example.com.evil.test/x",
    ]
    + ["javascript:alert(1)", "%2F%5Cevil.test", "https:evil.test", "https://nothello.example.com/", "$request_uri"],
)
async def test_an_address_of_somebody_else_gets_a_page(street: Street, rd: str) -> None:
    await street.house.application()
    await street.house.application("https://other.example.com")
    browser = street.browser()
    for where in ("https://hello.example.com/outpost.goauthentik.io", "https://auth.example.com/ostiary"):
        page = await browser.get(f"{where}/start?rd={rd}", X_Forwarded_Proto="https")
        assert page.status_code in (400, 404)
        assert "location" not in page.headers
        assert "set-cookie" not in page.headers


async def test_another_applications_address_is_not_ones_own(street: Street) -> None:
    await street.house.application()
    await street.house.application("https://other.example.com")
    page = await street.browser().get(
        "https://hello.example.com/ostiary/start?rd=https://other.example.com/", X_Forwarded_Proto="https"
    )
    assert (page.status_code, "forward_auth.return_elsewhere" in page.text) == (400, True)


async def test_an_in_place_application_needs_an_attempt(street: Street) -> None:
    await street.house.application(handoff="in_place")
    page = await street.browser().get("https://auth.example.com/ostiary/start?rd=https://hello.example.com%2F")
    assert (page.status_code, "forward_auth.attempt_missing" in page.text) == (400, True)


async def test_our_host_sends_an_attemptless_start_to_the_applications_host(street: Street) -> None:
    await street.house.application()
    browser = street.browser()
    page = await browser.get("https://auth.example.com/ostiary/start?rd=https://hello.example.com%2Fx%3Fy")
    assert page.headers["location"] == "https://hello.example.com/ostiary/start?rd=https://hello.example.com/x?y"


@pytest.mark.parametrize("mode", ["cors", "no-cors", "websocket"])
async def test_a_program_is_told_401_and_gets_no_cookie(street: Street, mode: str) -> None:
    await street.house.application()
    page = await street.browser().get(
        "https://hello.example.com/ostiary/start?rd=%2F", X_Forwarded_Proto="https", Sec_Fetch_Mode=mode
    )
    assert page.status_code == 401
    assert page.json()["error"] == "forward_auth.sign_in"
    assert "set-cookie" not in page.headers


async def test_a_good_attempt_cookie_is_kept_and_a_bad_one_replaced(street: Street) -> None:
    await street.house.application()
    browser = street.browser()
    url = "https://hello.example.com/ostiary/start?rd=%2F"
    first = await browser.get(url, X_Forwarded_Proto="https")
    name, value = re.match(r"([^=]+)=([^;]+); Path=/; Max-Age=600; HttpOnly", first.headers["set-cookie"]).groups()  # type: ignore[union-attr]
    assert name.startswith("__Host-ostiary_try_")
    assert "set-cookie" not in (await browser.get(url, X_Forwarded_Proto="https")).headers
    browser.http.cookies.clear()
    bad = await browser.get(url, X_Forwarded_Proto="https", Cookie=f"{name}={value[:-1]}x")
    assert bad.headers["set-cookie"].startswith(name)


async def test_a_loop_ends_in_an_explanation(street: Street) -> None:
    await street.house.application()
    browser = await signed_in(street)
    for _ in range(2):
        browser.http.cookies.delete("__Host-ostiary_" + await cookie_name(street))
        assert (await browser.open(ROOT)).status_code == 200
    browser.http.cookies.delete("__Host-ostiary_" + await cookie_name(street))
    page = await browser.open(ROOT)
    assert page.status_code == 400
    assert "You were sent in a circle" in page.text
    assert "no_cookie" in page.text
    assert (await browser.open(ROOT + "elsewhere")).status_code == 200
    street.house.clock.advance(31)
    browser.http.cookies.delete("__Host-ostiary_" + await cookie_name(street))
    assert (await browser.open(ROOT)).status_code == 200


async def test_a_domain_opens_every_host_below_it(street: Street) -> None:
    await street.house.application(
        "https://sso.example.org", mode="forward_domain", cookie_domain="example.org", slug="domain"
    )
    browser = street.browser()
    browser.start_path = "/outpost.goauthentik.io/start"
    await browser.open("https://wiki.example.org/page?x=1")
    page = await browser.sign_in_here()
    assert (page.status_code, browser.trail[-1]) == (200, "https://wiki.example.org/page?x=1")
    assert (await browser.open("https://chat.example.org/")).status_code == 200
    assert len(browser.seen) == 3


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_signing_out_at_an_application_closes_everything_at_once(street: Street, site: str) -> None:
    await street.house.application()
    await street.house.application("https://other.example.com")
    browser = await signed_in(street)
    await browser.open("https://other.example.com/")
    page = await browser.open("https://hello.example.com/ostiary/sign_out", Sec_Fetch_Site=site)
    assert page.status_code == 200
    await street.house.let_know()
    for url in (ROOT, "https://other.example.com/"):
        assert (await browser.open(url)).url.path.startswith("/if/flow/default-authentication-flow")


async def test_signing_out_from_another_site_asks_first(street: Street) -> None:
    await street.house.application()
    browser = await signed_in(street)
    page = await browser.open("https://hello.example.com/ostiary/sign_out", Sec_Fetch_Site="cross-site")
    assert page.status_code == 200
    await street.house.let_know()
    assert (await browser.open(ROOT)).status_code == 200


async def test_ping_answers_whoever_asks(street: Street) -> None:
    for prefix in ("outpost.goauthentik.io", "ostiary"):
        assert (await street.browser().get(f"https://hello.example.com/{prefix}/ping")).status_code == 204


async def test_a_check_by_the_ordinary_path_is_answered_alike(street: Street) -> None:
    await street.house.application()
    browser = await signed_in(street)
    headers = {
        "X-Original-URL": ROOT,
        "X-Original-Method": "POST",
        "Cookie": browser.cookies(ROOT) or "",
        "Host": "outpost",
    }
    for prefix in ("outpost.goauthentik.io", "ostiary"):
        url = f"https://auth.example.com/{prefix}/auth/nginx"
        answer = await browser.http.post(url, headers=headers, content=b"x")
        assert (answer.status_code, answer.headers["x-authentik-username"]) == (200, "ada")
        assert answer.headers["content-length"] == "0"
        refused = await browser.http.post(url, headers=headers | {"X_Original_URL": ROOT}, content=b"x")
        assert refused.status_code == 403


async def test_a_person_disabled_between_sign_in_and_return_does_not_return(street: Street) -> None:
    await street.house.application()
    browser = await signed_in(street)
    await street.house.update(User, User.username == "ada", is_active=False)
    await street.house.let_know()
    assert (await browser.open(ROOT)).url.path.startswith("/if/flow/")
