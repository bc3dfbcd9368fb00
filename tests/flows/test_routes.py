"""The pages of flows, walked through as browsers do."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, func, select, update

from ostiary.directory.models import User
from ostiary.events.models import Event
from ostiary.flows.intent import Intent
from ostiary.flows.models import Flow, FlowRun, Stage
from ostiary.sessions.models import Session
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import PASSWORD, House, house

FLOW = "/if/flow/default-authentication-flow/"


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


async def events(door: House, action: str) -> list[Event]:
    async with door.database.reading() as r:
        return list(await r.scalars(select(Event).where(Event.action == action)))


async def test_a_person_signs_in_and_is_recorded(door: House) -> None:
    browser = door.browser()
    assert (await browser.get(FLOW)).status_code == 200
    answer = await browser.send({"uid_field": " Ada ", "password": PASSWORD}, User_Agent="Test/1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/if/user/")
    cookies = answer.headers.get_list("set-cookie")
    assert cookies[0].startswith("__Host-ostiary=")
    assert cookies[0].endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert cookies[1].startswith("__Host-ostiary_device=")
    assert "Max-Age=7776000" in cookies[1]
    (event,) = await events(door, "login")
    assert event.user["username"] == "ada"
    assert event.client_ip == "203.0.113.7"
    async with door.database.reading() as r:
        session = (await r.scalars(select(Session))).one()
        ada = (await r.scalars(select(User).where(User.username == "ada"))).one()
    assert (session.user_agent, session.client_ip, session.method) == ("Test/1", "203.0.113.7", "password")
    assert ada.last_login == session.created


async def test_an_email_address_names_a_person_too(door: House) -> None:
    assert (await door.browser().sign_in("ADA@example.com")).status_code == 303


async def test_the_form_is_made_for_password_managers_and_screen_readers(door: House) -> None:
    browser = door.browser()
    await browser.get(FLOW)
    name, password = browser.page.inputs["uid_field"], browser.page.inputs["password"]
    assert (name["autocomplete"], name["type"]) == ("username", "text")
    assert (password["autocomplete"], password["type"]) == ("current-password", "password")
    assert browser.page.labels == {"uid_field": "Username or e-mail", "password": "Password"}
    assert "autofocus" in name
    assert "<title>Sign in · Ostiary</title>" in browser.page.html
    assert 'lang="en"' in browser.page.html


async def test_an_error_keeps_what_was_typed_and_stands_beside_its_field(door: House) -> None:
    browser = door.browser()
    await browser.get(FLOW)
    answer = await browser.send({"uid_field": "ada"})
    assert answer.status_code == 400
    field = browser.page.inputs["password"]
    assert (field["aria-invalid"], field["aria-describedby"]) == ("true", "password-error")
    assert '<p class="error" id="password-error">Enter your password.</p>' in answer.text
    assert "autofocus" in field
    assert browser.page.inputs["uid_field"]["value"] == "ada"
    assert "<title>Error: Sign in" in answer.text
    answer = await browser.send({"uid_field": "ada", "password": "s3cret-typo"})
    assert answer.status_code == 403
    assert "s3cret-typo" not in answer.text
    assert browser.page.inputs["uid_field"]["value"] == "ada"
    assert browser.page.inputs["password"]["aria-describedby"] == "notice"
    assert (await browser.send({"password": PASSWORD})).status_code == 303


async def test_the_page_names_the_application_and_leads_back_to_it(door: House) -> None:
    browser = door.browser()
    intent = Intent("/ostiary/start?a=%2F&b=1", "Hello <World>", "hello", "https://hello.example.com", login_hint="bob")
    page = await browser.get(door.start.url(intent))
    assert "Hello &lt;World&gt;" in page.text
    assert browser.page.inputs["uid_field"]["value"] == "bob"
    assert page.headers["content-security-policy"].endswith("form-action 'self' https://hello.example.com")
    await browser.send({"uid_field": "ada", "password": "wrong"})
    answer = await browser.send({"password": PASSWORD})
    assert answer.headers["location"] == "/ostiary/start?a=%2F&b=1"
    assert (await events(door, "login"))[0].context["application"] == "hello"


async def test_who_is_signed_in_goes_on_without_asking(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    assert (await browser.get(door.start.url(Intent("/x")))).headers["location"] == "/x"
    asked = await browser.get(door.start.url(Intent("/x", prompt="login")))
    assert asked.status_code == 200


async def test_signing_in_as_somebody_else_ends_the_first_login(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    await browser.get(door.start.url(Intent("/x", prompt="login")))
    await browser.send({"uid_field": "bob", "password": PASSWORD})
    async with door.database.reading() as r:
        names = list(await r.scalars(select(User.username).join(Session, Session.user_id == User.id)))
    assert names == ["bob"]
    assert [event.context["reason"] for event in await events(door, "logout")] == ["another person signed in"]


async def test_a_page_that_waited_too_long_begins_again(door: House, clock: FakeClock) -> None:
    browser = door.browser()
    await browser.get(FLOW)
    clock.advance(3600)
    answer = await browser.send({"uid_field": "ada", "password": PASSWORD})
    assert answer.status_code == 400
    assert "waited too long" in answer.text
    assert browser.page.inputs["uid_field"]["value"] == "ada"
    assert (await browser.send({"password": PASSWORD})).status_code == 303


async def test_name_and_password_on_two_pages(door: House) -> None:
    async with door.database.writing() as w:
        await w.execute(update(Stage).where(Stage.type == "identification").values(config={}))
    browser = door.browser()
    await browser.get(FLOW)
    step = await browser.send({"uid_field": "ada"})
    assert step.status_code == 303
    assert step.headers["location"].startswith(FLOW + "?run=")
    page = await browser.get(step.headers["location"])
    assert browser.page.inputs["uid_field"]["value"] == "ada"
    assert browser.page.inputs["uid_field"]["autocomplete"] == "username"
    assert "as <strong>ada</strong>" in page.text
    assert (await browser.send({"password": "wrong"})).status_code == 403
    assert (await browser.send({"password": PASSWORD})).status_code == 303
    thief = door.browser()
    stolen = await thief.get(step.headers["location"])
    assert "waited too long" in stolen.text


async def test_a_step_sent_twice_begins_again_with_a_word_why(door: House) -> None:
    async with door.database.writing() as w:
        await w.execute(update(Stage).where(Stage.type == "identification").values(config={}))
    browser = door.browser()
    await browser.get(FLOW)
    step = await browser.send({"uid_field": "ada"})
    await browser.get(step.headers["location"])
    async with door.database.writing() as w:
        await w.execute(update(User).where(User.username == "ada").values(is_active=False))
    assert (await browser.send({"password": PASSWORD})).status_code == 403
    async with door.database.writing() as w:
        await w.execute(update(User).values(is_active=True))
        await w.execute(delete(FlowRun))
    again = await browser.send({"password": PASSWORD})
    assert again.status_code == 400
    assert "Please try again" in again.text
    assert browser.page.inputs["uid_field"]["autocomplete"] == "username"


async def test_two_tabs_sign_in_at_once(door: House) -> None:
    browser = door.browser()
    await browser.get(door.start.url(Intent("/one")))
    first = browser.page
    await browser.get(door.start.url(Intent("/two")))
    second = browser.page
    for page, resume in ((second, "/two"), (first, "/one")):
        browser.page = page
        # By the second time, the form is one of before the other tab's sign-in.
        answer = await browser.send({"uid_field": "ada", "password": PASSWORD})
        assert answer.headers["location"] == resume
    async with door.database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(Session)) == 1


async def test_a_tab_of_before_may_bring_somebody_else(door: House) -> None:
    browser = door.browser()
    await browser.get(FLOW)
    waiting = browser.page
    await browser.sign_in("ada")
    browser.page = waiting
    await browser.send({"uid_field": "bob", "password": PASSWORD})
    assert "Bob" in (await browser.get("/if/user/")).text


async def test_a_requirement_is_honoured(door: House) -> None:
    authorization = "/if/flow/default-provider-authorization-implicit-consent/"
    browser = door.browser()
    away = await browser.get(authorization)
    assert away.headers["location"].startswith(FLOW + "?intent=")
    await browser.get(away.headers["location"])
    back = await browser.send({"uid_field": "ada", "password": PASSWORD})
    assert back.headers["location"] == authorization
    assert (await browser.get(authorization)).headers["location"] == "/if/user/"
    async with door.database.writing() as w:
        await w.execute(update(Flow).values(authentication="require_unauthenticated"))
    assert (await browser.get(FLOW)).headers["location"] == "/if/user/"


async def test_a_flow_that_cannot_run_whole_is_refused_with_its_code(door: House) -> None:
    async with door.database.writing() as w:
        await w.execute(update(Stage).where(Stage.type == "password").values(type="captcha"))
    answer = await door.browser().get(FLOW)
    assert answer.status_code == 403
    assert "flow.stage_type_unknown" in answer.text
    assert (await door.browser().get("/if/flow/none/")).status_code == 404


async def test_where_our_address_is_plain_http_the_cookies_are_plain(database: Database, clock: FakeClock) -> None:
    async with house(database, clock, base_url="http://auth.localhost:8080") as door:
        browser = door.browser("http://auth.localhost:8080")
        answer = await browser.sign_in()
        assert answer.headers.get_list("set-cookie")[0].startswith("ostiary=")
        assert "Secure" not in str(answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("shown", ["out", "left"])
async def test_the_end_of_an_application_alone_leaves_the_login(door: House, shown: str) -> None:
    browser = door.browser()
    if shown == "left":
        await browser.sign_in()
    page = await browser.get("/if/flow/default-provider-invalidation-flow/", Sec_Fetch_Site="same-origin")
    assert ("still signed in" in page.text) is (shown == "left")
