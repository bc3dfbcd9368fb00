"""What went wrong with logins elsewhere, and must not here."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select, update

from ostiary.events.record import COMMAND
from ostiary.flows.intent import Intent
from ostiary.flows.models import FlowRun, Stage
from ostiary.sessions.cookie import LOGIN
from ostiary.sessions.models import Session
from ostiary.storage.models import Installation
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import PASSWORD, Browser, House, house

FLOW = "/if/flow/default-authentication-flow/"
OUT = "/if/flow/default-invalidation-flow/"
COOKIE = "__Host-ostiary"


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


async def sessions(door: House) -> int:
    async with door.database.reading() as r:
        return await r.scalar(select(func.count()).select_from(Session)) or 0


def planted(browser: Browser, value: str) -> None:
    browser.http.cookies.set(COOKIE, value, domain="auth.example.com")


async def test_se_01_an_old_cookie_is_cleared_at_the_sign_in_page(door: House, clock: FakeClock) -> None:
    browser = door.browser()
    await browser.sign_in()
    old = browser.http.cookies[COOKIE]
    clock.advance(28_800)
    page = await browser.get(FLOW)
    assert "__Host-ostiary=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure" in page.headers.get_list("set-cookie")
    await door.sessions.expire()
    assert await sessions(door) == 0
    await browser.send({"uid_field": "ada", "password": PASSWORD})
    thief = door.browser()
    planted(thief, old)
    assert (await thief.get("/if/user/")).status_code == 303


async def test_se_02_a_planted_login_dies_at_sign_in(door: House) -> None:
    attacker, victim = door.browser(), door.browser()
    await attacker.sign_in("bob")
    value = attacker.http.cookies[COOKIE]
    planted(victim, value)
    await victim.get(door.start.url(Intent("/if/user/", prompt="login")))
    await victim.send({"uid_field": "ada", "password": PASSWORD})
    assert victim.http.cookies.get(COOKIE, domain="auth.example.com") != value
    assert (await attacker.get("/if/user/")).status_code == 303
    again = victim.http.cookies[COOKIE]
    await victim.get(door.start.url(Intent("/if/user/", prompt="login")))
    await victim.send({"uid_field": "ada", "password": PASSWORD})
    assert victim.http.cookies[COOKIE] != again
    planted(attacker, again)
    assert (await attacker.get("/if/user/")).status_code == 303


async def test_se_03_no_sibling_domain_gets_or_plants_our_cookie(door: House) -> None:
    browser = door.browser()
    answer = await browser.sign_in()
    for header in answer.headers.get_list("set-cookie"):
        assert header.startswith("__Host-")
        assert "domain=" not in header.lower()
        assert (
            header.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure") or "; HttpOnly; SameSite=Lax; Secure" in header
        )
    sibling = door.browser()
    value = browser.http.cookies[COOKIE]
    # What a sibling can plant with Domain= has no __Host- prefix.
    answer = await sibling.get("/if/user/", Cookie=f"ostiary={value}")
    assert answer.status_code == 303


async def test_se_04_a_cookie_is_dead_after_sign_out(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    value = browser.http.cookies[COOKIE]
    await browser.get(OUT, Sec_Fetch_Site="same-origin", Sec_Fetch_Dest="document")
    planted(browser, value)
    assert (await browser.get("/if/user/")).status_code == 303
    assert await sessions(door) == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_se_05_another_site_cannot_sign_anybody_out(door: House, method: str) -> None:
    browser = door.browser()
    await browser.sign_in()
    headers = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Dest": "document",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = await browser.http.request(method, OUT, headers=headers, content=b"x=1" if method == "POST" else None)
    assert "Sign out?" in answer.text
    assert await sessions(door) == 1


async def test_se_06_a_form_of_one_login_is_nothing_in_another(door: House) -> None:
    mine, theirs = door.browser(), door.browser()
    await mine.sign_in()
    await theirs.sign_in("bob")
    await mine.get("/if/user/password/")
    new = {"current": PASSWORD, "password": "another password", "password_repeat": "another password"}
    stolen = mine.page.fields | new
    assert (await theirs.http.post("/if/user/password/", data=stolen)).status_code == 403
    # Not even in the same browser, once somebody else has signed in there.
    waiting = mine.page
    await mine.get(door.start.url(Intent("/if/user/", prompt="login")))
    await mine.send({"uid_field": "bob", "password": PASSWORD})
    mine.page = waiting
    assert (await mine.send(new)).status_code == 403


async def test_se_07_people_who_sign_in_at_once_get_their_own_account(door: House) -> None:
    names = [f"user{number}" for number in range(12)]
    for name in names:
        await door.users.create(name, password=PASSWORD, by=COMMAND)
    browsers = {name: door.browser() for name in names}
    for browser in browsers.values():
        await browser.get(FLOW)
    await asyncio.gather(*(browsers[name].send({"uid_field": name, "password": PASSWORD}) for name in reversed(names)))
    for name, browser in browsers.items():
        assert f">{name}<" in (await browser.get("/if/user/")).text


async def test_se_08_a_half_finished_sign_in_opens_nothing(door: House) -> None:
    async with door.database.writing() as w:
        await w.execute(update(Stage).where(Stage.type == "identification").values(config={}))
    browser = door.browser()
    await browser.get(FLOW)
    step = await browser.send({"uid_field": "ada"})
    async with door.database.reading() as r:
        run = (await r.scalars(select(FlowRun))).one()
    assert COOKIE not in browser.http.cookies
    for path in ("/if/user/", "/if/user/password/", "/if/flow/default-provider-authorization-implicit-consent/"):
        assert (await browser.get(path)).headers["location"].startswith(FLOW)
        for value in (run.id, run.browser_hash, run.state, browser.http.cookies["__Host-ostiary_form"]):
            assert (await browser.get(path, Cookie=f"{COOKIE}={value}")).headers["location"].startswith(FLOW)
    assert step.status_code == 303
    assert await sessions(door) == 0


async def test_se_13_guesses_are_locked_and_the_right_one_is_then_refused(door: House) -> None:
    async with door.database.writing() as w:
        await w.execute(update(Stage).where(Stage.type == "identification").values(config={}))
    # Spread over browsers and addresses, and over runs of the flow.
    browsers = [door.browser(peer=f"198.51.100.{number}") for number in range(6)]
    for number, browser in enumerate(browsers):
        await browser.get(FLOW)
        step = await browser.send({"uid_field": "ada"})
        await browser.get(step.headers["location"])
        await browser.send({"password": f"wrong {number}"})
    answer = await browsers[0].send({"password": PASSWORD})
    assert answer.status_code == 403
    assert "too many failed attempts" in answer.text
    assert await sessions(door) == 0


async def test_se_13_a_known_device_is_not_locked_out_by_strangers(door: House) -> None:
    home = door.browser()
    await home.sign_in()
    await home.get(OUT, Sec_Fetch_Site="same-origin", Sec_Fetch_Dest="document")
    stranger = door.browser()
    await stranger.get(FLOW)
    for number in range(6):
        await stranger.send({"uid_field": "ada", "password": f"wrong {number}"})
    assert (await stranger.send({"uid_field": "ada", "password": PASSWORD})).status_code == 403
    assert (await home.sign_in()).status_code == 303


async def test_se_14_a_name_that_nobody_has_looks_like_any_other(door: House) -> None:
    def without_values(text: str) -> str:
        return re.sub(r'(name="(csrf|state)" value=)"[^"]*"', r"\1", text.replace("nobody", "N").replace("ada", "N"))

    known, unknown = door.browser(), door.browser()
    for _ in range(7):
        answers = []
        for browser, name in ((known, "ada"), (unknown, "nobody")):
            await browser.get(FLOW)
            answers.append(await browser.send({"uid_field": name, "password": "wrong"}))
        one, other = answers
        assert one.status_code == other.status_code == 403
        assert without_values(one.text) == without_values(other.text)
        assert one.headers.get_list("set-cookie") == other.headers.get_list("set-cookie")
    assert "too many failed attempts" in known.page.html


@pytest.mark.parametrize(
    "fields", [{}, {"uid_field": "", "password": ""}, {"x": "y", "0": "1"}, {"proved": "password"}]
)
async def test_se_19_an_empty_answer_moves_no_stage(door: House, fields: dict[str, str]) -> None:
    browser = door.browser()
    await browser.get(FLOW)
    hidden = {name: value for name, value in browser.page.fields.items() if name in ("csrf", "state")}
    answer = await browser.http.post(FLOW, data=hidden | fields)
    assert answer.status_code == 400
    assert 'name="uid_field"' in answer.text
    async with door.database.writing() as w:
        await w.execute(update(Stage).where(Stage.type == "identification").values(config={}))
        await w.execute(update(Installation).values(setup_completed=None))
    await browser.get("/if/flow/initial-setup/")
    hidden = {name: value for name, value in browser.page.fields.items() if name in ("csrf", "state")}
    answer = await browser.http.post("/if/flow/initial-setup/", data=hidden | fields)
    assert answer.status_code == 400
    assert 'name="code"' in answer.text
    await browser.get(FLOW)
    step = await browser.send({"uid_field": "ada"})
    await browser.get(step.headers["location"])
    answer = await browser.http.post(browser.page.action, data={"csrf": browser.page.fields["csrf"]} | fields)
    assert answer.status_code == 400
    assert 'name="password"' in answer.text
    assert await sessions(door) == 0


async def test_ten_thousand_mutated_cookies_open_nothing(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    value = browser.http.cookies[COOKIE]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    mutants = {
        value[:position] + letter + value[position + 1 :]
        for position in range(64)
        for letter in alphabet + '=.%\u00e9 "'
    } | {value[:cut] + value[cut + skip :] for cut in range(64) for skip in range(1, 64)}
    mutants.discard(value)
    mutants |= {mutant[::-1] for mutant in mutants}
    assert len(mutants) > 10_000
    for mutant in mutants:
        assert LOGIN.verify(door.secrets, mutant) is None
    for mutant in list(mutants)[:20]:
        answer = await browser.http.get("/if/user/", headers={b"Cookie": f"{COOKIE}={mutant}".encode()})
        assert answer.status_code == 303


@pytest.mark.parametrize("path", ["/if/user/password/", OUT])
async def test_ad_07_no_link_changes_anything_and_no_form_without_its_token(door: House, path: str) -> None:
    browser = door.browser()
    await browser.sign_in()
    fields = {"current": PASSWORD, "password": "another password", "password_repeat": "another password"}
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await browser.http.request(method, path, headers=headers)).status_code == 405
    assert (await browser.http.get(path, params=fields, headers=headers)).status_code == 200
    for token in ({}, {"csrf": ""}, {"csrf": "A" * 22}):
        assert (await browser.http.post(path, data=fields | token, headers=headers)).status_code == 403
    assert await sessions(door) == 1
    assert (await door.browser().sign_in()).status_code == 303
