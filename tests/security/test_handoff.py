"""What went wrong with cookies, sessions and tickets elsewhere, and must not on the way into an application."""

import asyncio
from typing import Any

import pytest

from ostiary.directory.models import Group, Membership
from ostiary.kit.errors import Unavailable
from ostiary.sessions.models import Session
from tests.forwardauth.house import AUTH, Answer, Door, House
from tests.forwardauth.street import Street

ROOT = "https://hello.example.com/"


async def inside(house: House, **values: Any) -> tuple[Door, str]:
    door = await house.application(**values)
    return door, await door.session(await house.login(await house.person()))


def denied(answer: Answer) -> bool:
    """Refused, and nobody's name in the answer."""
    return answer.status in (401, 403, 404, 503) and not any(name.startswith("x-authentik") for name in answer.headers)


async def test_se_03_a_cookie_that_a_neighbour_planted_is_not_ours(house: House) -> None:
    door, cookie = await inside(house)
    plain = cookie.removeprefix("__Host-")
    assert (await house.ask(cookie=cookie)).status == 200
    assert denied(await house.ask(cookie=plain))
    assert denied(await house.ask(cookie=f"__Secure-{plain}"))
    http = await house.application("http://plain.example.com")
    there = await http.session(await house.login(await house.person("bob")))
    await house.let_know()
    assert (await house.ask("http://plain.example.com/", there)).status == 200
    assert denied(await house.ask("http://plain.example.com/", f"__Host-{there}"))
    assert denied(await house.ask("https://hello.example.com/", f"ostiary_{door.uuid[:8]}={there.partition('=')[2]}"))
    assert denied(
        await house.ask("https://hello.example.com/", f"__Host-ostiary_{door.uuid[:8]}={there.partition('=')[2]}")
    )


async def test_se_03_the_cookies_of_an_application_are_bound_to_its_host(street: Street) -> None:
    await street.house.application()
    browser = street.browser()
    await browser.open(ROOT)
    await browser.sign_in_here()
    mine = [cookie for cookie in browser.jar if cookie.domain == "hello.example.com"]
    assert len(mine) == 2
    for cookie in mine:
        assert cookie.name.startswith("__Host-ostiary_")
        assert (cookie.secure, cookie.path, cookie.domain_specified) == (True, "/", False)
        assert cookie.has_nonstandard_attr("HttpOnly")


async def test_se_04_a_session_that_was_signed_out_is_dead_everywhere(street: Street) -> None:
    await street.house.application()
    browser = street.browser()
    await browser.open(ROOT)
    await browser.sign_in_here()
    kept = browser.cookies(ROOT)
    own = browser.cookies("https://auth.example.com/")
    page = await browser.open("https://hello.example.com/outpost.goauthentik.io/sign_out", Sec_Fetch_Site="same-origin")
    assert page.status_code == 200
    await street.house.let_know()
    assert (await street.house.ask(ROOT, kept)).status == 401
    page = await street.browser().get("https://auth.example.com/if/user/", Cookie=own or "", X_Forwarded_Proto="https")
    assert page.status_code == 303


async def test_se_22_a_group_that_is_taken_away_is_gone_at_the_next_check(house: House) -> None:
    staff = await house.group("staff")
    door = await house.application(access="bound")
    await house.bind(door, group_id=staff)
    cookie = await door.session(await house.login(await house.person("ada", staff)))
    assert (await house.ask(cookie=cookie)).headers["x-authentik-groups"] == "staff"
    await house.delete(Membership, Membership.group_id == staff)
    await house.let_know()
    assert denied(await house.ask(cookie=cookie, navigation=False))


async def test_a_deleted_group_that_held_the_only_binding_opens_nothing(house: House) -> None:
    staff = await house.group("staff")
    door = await house.application(access="bound")
    await house.bind(door, group_id=staff)
    cookie = await door.session(await house.login(await house.person("ada", staff)))
    stranger = await door.session(await house.login(await house.person("bob")))
    await house.delete(Group, Group.id == staff)
    await house.let_know()
    for given in (cookie, stranger):
        assert denied(await house.ask(cookie=given, navigation=False))


async def test_a_login_cookie_opens_no_application(street: Street) -> None:
    door = await street.house.application()
    browser = street.browser()
    await browser.open(ROOT)
    await browser.sign_in_here()
    login = next(cookie.value for cookie in browser.jar if cookie.name == "__Host-ostiary")
    for name in ("__Host-ostiary", f"__Host-ostiary_{door.uuid[:8]}"):
        assert denied(await street.house.ask(ROOT, f"{name}={login}"))
    mine = next(cookie.value for cookie in browser.jar if cookie.name == f"__Host-ostiary_{door.uuid[:8]}")
    page = await street.browser().get(
        "https://auth.example.com/if/user/", Cookie=f"__Host-ostiary={mine}", X_Forwarded_Proto="https"
    )
    assert page.status_code == 303


async def ticket_address(street: Street, browser: Any, url: str) -> str:
    """Where our host sends a signed-in browser back to, not followed."""
    while True:
        response = await browser.step(url)
        url = response.headers["location"]
        if "ticket=" in url:
            return str(url)


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_a_stolen_ticket_opens_nothing_and_stays_good_for_its_owner(street: Street, handoff: str) -> None:
    await street.house.application(handoff=handoff)
    await street.house.application("https://other.example.com")
    browser = street.browser()
    await browser.open("https://other.example.com/")
    await browser.sign_in_here()
    address = await ticket_address(street, browser, ROOT)
    thief = street.browser()
    page = await thief.open(address)
    assert page.status_code == (400 if handoff == "callback" else 200)
    assert not any(
        cookie.name.startswith("__Host-ostiary_") and "_try" not in cookie.name and cookie.domain.startswith("hello")
        for cookie in thief.jar
    )
    with_own_attempt = await thief.open(address)
    assert "x-authentik-username" not in with_own_attempt.headers
    assert (await browser.open(address)).headers["x-authentik-username"] == "ada"


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_a_ticket_works_once_and_for_thirty_seconds(street: Street, handoff: str) -> None:
    door = await street.house.application(handoff=handoff)
    await street.house.application("https://other.example.com")
    browser = street.browser()
    await browser.open("https://other.example.com/")
    await browser.sign_in_here()
    late = await ticket_address(street, browser, ROOT + "late")
    street.house.clock.advance(30)
    response = await browser.step(late)
    assert "set-cookie" not in response.headers
    address = await ticket_address(street, browser, ROOT + "now")
    assert (await browser.step(address)).headers["set-cookie"].startswith(f"__Host-ostiary_{door.uuid[:8]}=")
    browser.http.cookies.delete(f"__Host-ostiary_{door.uuid[:8]}")
    assert "set-cookie" not in (await browser.step(address)).headers


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_of_fifty_that_race_for_a_ticket_one_wins(street: Street, handoff: str) -> None:
    await street.house.application(handoff=handoff)
    await street.house.application("https://other.example.com")
    browser = street.browser()
    await browser.open("https://other.example.com/")
    await browser.sign_in_here()
    address = await ticket_address(street, browser, ROOT)
    cookies = browser.cookies(address) or ""
    if handoff == "callback":
        racing = [
            browser.http.get(address, headers={"Cookie": cookies, "X-Forwarded-Proto": "https"}) for _ in range(50)
        ]
        won = [response.headers.get("set-cookie") for response in await asyncio.gather(*racing)]
    else:
        answers = await asyncio.gather(*(street.house.ask(address, cookies) for _ in range(50)))
        assert {answer.status for answer in answers} == {401}
        won = [answer.headers.get("set-cookie") for answer in answers]
    assert len([line for line in won if line is not None]) == 1


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_a_ticket_is_no_good_in_the_other_way_or_at_another_application(street: Street, handoff: str) -> None:
    await street.house.application(handoff=handoff)
    await street.house.application("https://other.example.com", handoff=handoff)
    browser = street.browser()
    await browser.open("https://other.example.com/")
    await browser.sign_in_here()
    address = await ticket_address(street, browser, ROOT)
    ticket = address.partition("ticket=")[2]
    for wrong in (
        f"https://other.example.com/ostiary/callback?ticket={ticket}",
        f"https://other.example.com/?ostiary-ticket={ticket}",
        f"https://hello.example.com/ostiary/callback?ticket={ticket}"
        if handoff == "in_place"
        else f"https://hello.example.com/?ostiary-ticket={ticket}",
    ):
        response = await browser.step(wrong)
        given = response.headers.get("set-cookie", "")
        assert given == "" or given.startswith("__Host-ostiary_try_")
    assert (await browser.open(address)).headers["x-authentik-username"] == "ada"


async def test_a_made_up_ticket_asks_no_database(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    await street.house.application(handoff="in_place")
    browser = street.browser()
    await browser.open(ROOT)
    cookies = browser.cookies(ROOT)
    monkeypatch.setattr(street.house.database, "writing", lambda: pytest.fail("the database was asked"))
    for ticket in ("", "x" * 64, "A" * 64):
        answer = await street.house.ask(f"{ROOT}?ostiary-ticket={ticket}", cookies)
        assert (answer.status, answer.headers.get("set-cookie")) == (401, None)


async def test_fixation_a_login_planted_by_another_person_does_not_become_mine(street: Street) -> None:
    """A thief finishes a sign-in of their own and gives the victim its last address: it is of no use there."""
    await street.house.application()
    thief = street.browser()
    await thief.open("https://hello.example.com/")
    response = await thief.send(
        {"uid_field": "bob", "password": "correct horse"}, X_Forwarded_Proto="https", Host="auth.example.com"
    )
    address = await ticket_address(street, thief, "https://auth.example.com" + response.headers["location"])
    victim = street.browser()
    await victim.open(ROOT)
    page = await victim.open(address)
    assert page.status_code == 400
    assert (await victim.open(ROOT)).url.path.startswith("/if/flow/")


async def test_a_database_that_is_gone_mid_check_opens_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, cookie = await inside(house)
    await house.ask()

    def gone(*_: object) -> Any:
        raise Unavailable("storage.unreachable", "gone")

    monkeypatch.setattr(house.direct, "query", gone)
    answer = await house.ask(cookie=cookie)
    assert (answer.status, answer.reason) == (503, "database_unreachable")
    monkeypatch.undo()
    assert (await house.ask(cookie=cookie)).status == 200
    await house.delete(Session, Session.user_id > 0)


async def test_the_endpoints_own_query_and_method_mean_nothing(house: House) -> None:
    _, cookie = await inside(house)
    target = f"{AUTH}?rd={ROOT}&X-Original-URL={ROOT}&X-authentik-auth-callback=true"
    assert denied(await house.ask("https://other.example.com/", cookie, target=target))
    assert (await house.ask(ROOT, cookie, target=target)).status == 200
