"""What a form must be to be read."""

import pytest

from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import PASSWORD, house

FLOW = "/if/flow/default-authentication-flow/"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"csrf=a&csrf=b", "application/x-www-form-urlencoded", 400, "form.repeated"),
        (b'{"uid_field": "ada"}', "application/json", 400, "form.unreadable"),
        (b"a=%ff", "application/x-www-form-urlencoded", 400, "form.unreadable"),
        (b"a=%00", "application/x-www-form-urlencoded", 400, "form.unreadable"),
        (b"a=" + b"x" * 9000, "application/x-www-form-urlencoded", 400, "form.unreadable"),
        (b"&".join(b"f%d=1" % n for n in range(60)), "application/x-www-form-urlencoded", 400, "form.unreadable"),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413, "request.too_large"),
    ],
)
async def test_what_no_form_of_ours_sends_is_refused(
    database: Database, clock: FakeClock, body: bytes, content_type: str, status: int, code: str
) -> None:
    async with house(database, clock) as door:
        browser = door.browser()
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        answer = await browser.http.post(FLOW, content=body, headers=headers)
        assert answer.status_code == status
        assert answer.json()["error"] == code


async def test_a_form_of_another_browser_is_not_ours(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        mine, theirs = door.browser(), door.browser()
        await mine.get(FLOW)
        await theirs.get(FLOW)
        stolen = {**theirs.page.fields, "uid_field": "ada", "password": PASSWORD}
        answer = await mine.http.post(FLOW, data=stolen)
        assert answer.status_code == 403
        assert "__Host-ostiary=" not in str(answer.headers)
        assert "Nothing was done" in answer.text
        assert 'value="ada"' in answer.text


async def test_a_browser_without_cookies_is_told_so(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        browser = door.browser()
        await browser.get(FLOW)
        browser.http.cookies.clear()
        answer = await browser.send({"uid_field": "ada", "password": PASSWORD})
        assert answer.status_code == 403
        assert "cookie" in answer.text
        # The page that says so carries what is needed for the next try.
        assert (await browser.send({"password": PASSWORD})).status_code == 303
