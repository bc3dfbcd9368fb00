"""Tickets are redeemed once, by whom they were made for; sessions end with their login."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from ostiary.sessions import app_sessions
from ostiary.sessions.app_sessions import Claim, DomainCookie, Redeemed, app_cookie, domain_cookie
from ostiary.sessions.models import AppSession, Session, Ticket
from tests.clock import FakeClock
from tests.forwardauth.house import House


@pytest.fixture
async def house(database_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(database_url, clock)
    yield built
    await built.close()


async def issued(house: House) -> tuple[str, Claim, str]:
    """(ticket, what it is bound to, login)"""
    door = await house.application()
    login = await house.login(await house.person())
    claim = Claim(door.provider_id, "callback", "hello.example.com", "n" * 64)
    async with house.database.writing() as w:
        text = await app_sessions.issue_ticket(
            w, secrets=house.secrets, now=house.clock.now(), session_id=login, claim=claim, return_url="/x"
        )
    return text, claim, login


async def redeemed(house: House, text: str, claim: Claim) -> Redeemed | None:
    async with house.database.writing() as w:
        return await app_sessions.redeem(w, secrets=house.secrets, now=house.clock.now(), text=text, claim=claim)


async def test_a_ticket_is_good_once(house: House) -> None:
    text, claim, login = await issued(house)
    found = await redeemed(house, text, claim)
    assert found is not None
    assert (found.session_id, found.return_url) == (login, "/x")
    assert await redeemed(house, text, claim) is None


async def test_a_ticket_in_the_wrong_hands_stays_good(house: House) -> None:
    text, claim, _ = await issued(house)
    for wrong in (
        replace(claim, provider_id=claim.provider_id + 1),
        replace(claim, kind="in_place"),
        replace(claim, host="other.example.com"),
        replace(claim, nonce_hash="m" * 64),
    ):
        assert await redeemed(house, text, wrong) is None
    assert await redeemed(house, text[:-1] + "-", claim) is None
    assert await redeemed(house, text, claim) is not None


async def test_a_ticket_ends_after_thirty_seconds_and_with_its_login(house: House) -> None:
    text, claim, login = await issued(house)
    house.clock.advance(app_sessions.TICKET_SECONDS)
    assert await redeemed(house, text, claim) is None
    async with house.database.writing() as w:
        fresh = await app_sessions.issue_ticket(
            w, secrets=house.secrets, now=house.clock.now(), session_id=login, claim=claim, return_url="/x"
        )
    await house.delete(Session, Session.id == login)
    assert await redeemed(house, fresh, claim) is None


async def test_an_application_session_never_outlives_its_login(house: House) -> None:
    text, claim, login = await issued(house)
    found = await redeemed(house, text, claim)
    assert found is not None
    cookie = app_cookie("0a1b2c3d-0000-0000-0000-000000000000")
    async with house.database.writing() as w:
        opened = await app_sessions.open_app_session(
            w,
            secrets=house.secrets,
            now=house.clock.now(),
            cookie=cookie,
            redeemed=found,
            provider_id=claim.provider_id,
            host=claim.host,
            seconds=10**9,
        )
    assert opened.max_age == 14 * 86400
    await house.delete(Session, Session.id == login)
    async with house.database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(AppSession)) == 0


async def test_what_is_over_is_swept_away(house: House) -> None:
    await issued(house)
    door = await house.application("https://other.example.com")
    login = await house.login(await house.person("bob"))
    await door.session(login, expires=house.clock.now() + timedelta(seconds=30))
    await door.session(login, expires=house.clock.now() + timedelta(seconds=31))
    house.clock.advance(30)
    async with house.database.writing() as w:
        await app_sessions.expire(w, house.clock.now())
    async with house.database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(Ticket)) == 0
        assert await r.scalar(select(func.count()).select_from(AppSession)) == 1


def test_names_and_attributes_of_the_cookies() -> None:
    uuid = "0a1b2c3d-0000-0000-0000-000000000000"
    app, domain = app_cookie(uuid), domain_cookie(uuid, "example.com")
    assert (app.name(secure=True), app.name(secure=False)) == ("__Host-ostiary_0a1b2c3d", "ostiary_0a1b2c3d")
    assert (domain.name(secure=True), domain.name(secure=False)) == (
        "__Secure-ostiary_domain_0a1b2c3d",
        "ostiary_domain_0a1b2c3d",
    )
    assert "Domain" not in app.header("v", secure=True)
    assert domain.header("v", secure=True).endswith("; Domain=example.com")
    assert isinstance(domain, DomainCookie)
    assert domain.cleared(secure=True).count("Domain=example.com") == 1
