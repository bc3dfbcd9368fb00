"""A circle ends with what the check saw and the cause that it points to."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.access.served import Served
from ostiary.forwardauth import identify, tickets
from ostiary.forwardauth.circle import NOTHING, SESSION_LIVE, Cause, Saw, cause, facts, look, sentences
from ostiary.forwardauth.tickets import IN_PLACE, Attempt
from ostiary.sessions.app_sessions import attempt_cookie
from ostiary.storage.secrets import Secrets
from tests.forwardauth.house import House
from tests.forwardauth.street import Browser, Street
from tests.forwardauth.test_routes import LONG, ROOT, signed_in

SECRETS = Secrets(["k" * 32])
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
async def served(house: House) -> Served:
    door = await house.application()
    await house.freshness.refresh()
    found = house.table.rules.of_provider(door.provider_id)
    assert found is not None
    return found


def names(served: Served) -> tuple[str, str]:
    return served.cookie.name(served.secure), attempt_cookie(served.provider_uuid).name(served.secure)


def test_only_names_are_seen_ours_first_and_few() -> None:
    assert look("https", "envoy", "") == Saw("https", "envoy")
    seen = look("http", "", "b=secret; a=; __Host-ostiary_12345678=secret2; a=again; broken; sp ace=1; ü=2")
    assert seen == Saw("http", "", ("__Host-ostiary_12345678", "a", "b", "broken"))
    many = look("https", "", "; ".join(f"{chr(97 + n)}{'x' * 50}=1" for n in range(20)))
    assert len(many.cookies) == 6
    assert many.more == 14
    assert {len(name) for name in many.cookies} == {32}


@given(st.text(max_size=300))
def test_an_attempt_carries_whatever_was_seen(header: str) -> None:
    saw = look("https", "envoy", header)
    attempt = Attempt(IN_PLACE, 7, "h", "GET", "n", "no_cookie", int(NOW.timestamp()) + 9, "u", saw)
    text = tickets.sign(SECRETS, attempt)
    assert tickets.read(SECRETS, text, NOW) == attempt
    assert len(text) < 800


async def test_each_trace_points_to_its_cause(served: Served) -> None:
    own, attempt = names(served)
    other = "__Host-ostiary_deadbeef"
    none = identify.NO_COOKIE
    for code, saw, expected in (
        (SESSION_LIVE, NOTHING, Cause.NOT_PASSED_ON),
        (identify.BAD_COOKIE, Saw("https", "nginx", (own,)), Cause.SPOILED),
        (identify.ELSEWHERE, Saw("https", "nginx", (own,)), Cause.ELSEWHERE),
        (identify.ENDED, Saw("https", "nginx", (own,)), Cause.LOST),
        (identify.IDLE, Saw("https", "nginx", (own,)), Cause.SHORT),
        (none, Saw("http", "traefik", ("theirs",)), Cause.TLS),
        (none, Saw("http", "traefik", ()), Cause.TLS),
        # TLS ends in front, and yet the cookies arrive: that is not what makes the circle.
        (none, Saw("http", "traefik", (attempt,)), Cause.NOT_SET),
        (none, Saw("https", "envoy"), Cause.NO_COOKIES),
        (none, Saw("https", "caddy", (attempt, "theirs")), Cause.NOT_SET),
        (none, Saw("https", "caddy", (other, "theirs")), Cause.OTHER_APPLICATION),
        (none, Saw("https", "caddy", ("theirs",)), Cause.NOT_KEPT),
    ):
        assert cause(served, code, saw) is expected, (code, saw)
        assert all("{" not in sentence for sentence in sentences(served, code, saw))
    plain = replace(served, secure=False)
    assert cause(plain, none, Saw("http", "caddy", ("theirs",))) is Cause.NOT_KEPT
    domain = replace(served, is_domain=True, cookie_domain="example.com")
    assert cause(domain, none, Saw("https", "caddy", (attempt,))) is Cause.DOMAIN
    assert "example.com" in next(sentences(domain, none, Saw("https", "caddy", (attempt,))))


async def test_what_has_to_be_set_is_named_for_the_proxy_that_asked(served: Served) -> None:
    assert "allowed_headers" in " ".join(sentences(served, identify.NO_COOKIE, Saw("https", "envoy")))
    assert "authRequestHeaders" in " ".join(sentences(served, identify.NO_COOKIE, Saw("https", "traefik")))
    _, attempt = names(served)
    dropped = Saw("https", "nginx-fwd", (attempt,))
    assert "callback" in " ".join(sentences(served, identify.NO_COOKIE, dropped))


async def test_names_are_marked(served: Served) -> None:
    own, attempt = names(served)
    shown = dict(facts(served, Saw("http", "caddy", (own, attempt, "__Host-ostiary_deadbeef", "theirs"), 3)))
    assert shown == {
        "Scheme seen": "http",
        "Cookies seen": f"{own} (this application's), {attempt} (of the sign-in), "
        "__Host-ostiary_deadbeef (of Ostiary), theirs, 3 more",
    }
    assert dict(facts(served, NOTHING)) == {"Scheme seen": "unknown", "Cookies seen": "none"}


async def circle(street: Street, browser: Browser, *dropped: str) -> str:
    """The page at the end of a circle that a browser goes whose cookies with such names are lost."""
    for _ in range(6):
        for cookie in list(browser.jar):
            if cookie.domain == "hello.example.com" and cookie.name.startswith(dropped):
                browser.jar.clear(cookie.domain, cookie.path, cookie.name)
        page = await browser.open(ROOT)
        if page.status_code == 400:
            return page.text
    raise AssertionError("no end")


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
async def test_the_page_shows_what_the_check_saw(street: Street, handoff: str) -> None:
    door = await street.house.application(handoff=handoff)
    browser = await signed_in(street)
    browser.http.cookies.set("theirs", "hidden-value", domain="hello.example.com")
    name = f"__Host-ostiary_{door.uuid[:8]}"
    text = await circle(street, browser, name)
    assert "You were sent in a circle" in text
    assert f"__Host-ostiary_try_{door.uuid[:8]} (of the sign-in), theirs" in text
    assert "hidden-value" not in text
    assert "pass Set-Cookie of our answer on" in text
    assert "https" in text.split("Scheme seen")[1][:40]


async def test_a_long_address_and_many_cookies_still_fit(street: Street) -> None:
    for number, handoff in enumerate(("callback", "in_place")):
        await street.house.application(f"https://hello{number}.example.com", handoff=handoff)
        await street.house.let_know()
        browser = street.browser()
        for n in range(12):
            browser.http.cookies.set("x" * 40 + str(n), "v", domain=f"hello{number}.example.com")
        url = LONG.replace("hello", f"hello{number}", 1)
        await browser.open(url)
        assert (await browser.sign_in_here()).status_code == 200
        assert browser.largest < 4096, browser.largest
