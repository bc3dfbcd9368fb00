"""Attempts say what they were signed for, and a ticket's mark leaves an address as it came."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.forwardauth import tickets
from ostiary.forwardauth.tickets import CALLBACK, CLEAN, IN_PLACE, Attempt
from ostiary.kit.errors import InvalidInput
from ostiary.kit.tokens import b64, unb64
from ostiary.storage.secrets import Secrets

SECRETS = Secrets(["k" * 32])
NOW = datetime(2026, 6, 1, tzinfo=UTC)
TARGET = b"/a?b='c"
ATTEMPT = Attempt(
    kind=IN_PLACE,
    provider_id=7,
    host="hello.example.com",
    method="GET",
    nonce_hash="n",
    seen="no_cookie",
    expires=int(NOW.timestamp()) + 600,
    url_hash=tickets.url_hash("hello.example.com", TARGET),
)


def test_an_attempt_survives_its_text_and_is_short() -> None:
    text = tickets.sign(SECRETS, replace(ATTEMPT, nonce_hash="0" * 64))
    assert tickets.read(SECRETS, text, NOW) == replace(ATTEMPT, nonce_hash="0" * 64)
    assert len(text) < 400


@given(st.binary(min_size=1, max_size=4), st.integers(min_value=0, max_value=10_000))
def test_no_changed_attempt_is_read(noise: bytes, place: int) -> None:
    raw = unb64(tickets.sign(SECRETS, ATTEMPT))
    at = place % len(raw)
    changed = raw[:at] + noise + raw[at + len(noise) :]
    if changed != raw:
        with pytest.raises(InvalidInput, match=r"attempt\.invalid"):
            tickets.read(SECRETS, b64(changed), NOW)


def test_an_attempt_of_another_key_or_purpose_is_not_read() -> None:
    with pytest.raises(InvalidInput, match=r"attempt\.invalid"):
        tickets.read(SECRETS, tickets.sign(Secrets(["o" * 32]), ATTEMPT), NOW)
    body = unb64(tickets.sign(SECRETS, ATTEMPT))[:-16]
    with pytest.raises(InvalidInput, match=r"attempt\.invalid"):
        tickets.read(SECRETS, b64(body + SECRETS.mac("loops-cookie", body)), NOW)


def test_an_attempt_ends() -> None:
    text = tickets.sign(SECRETS, replace(ATTEMPT, expires=int(NOW.timestamp())))
    with pytest.raises(InvalidInput, match=r"attempt\.expired"):
        tickets.read(SECRETS, text, NOW)


@pytest.mark.parametrize("rd", [TARGET, b"/a?b=%27c"])
def test_an_address_is_found_again_if_a_browser_escaped_its_apostrophe(rd: bytes) -> None:
    assert tickets.address(ATTEMPT, ("hello.example.com", rd)) == TARGET
    assert tickets.address(ATTEMPT, (None, rd)) == TARGET


@pytest.mark.parametrize(
    "rd", [None, ("other.example.com", TARGET), (None, b"/a"), (None, b"/a?b='c&"), (None, b"//evil")]
)
def test_another_address_is_not_the_attempts(rd: tuple[str | None, bytes] | None) -> None:
    assert tickets.address(ATTEMPT, rd) is None


def test_a_ticket_in_the_address_is_taken_off_where_it_could_have_come_from_us() -> None:
    marked = tickets.with_ticket(TARGET, "t" * 64)
    for kind, found in ((IN_PLACE, TARGET), (CLEAN, TARGET), (CALLBACK, None)):
        assert tickets.address(replace(ATTEMPT, kind=kind), (None, marked)) == found


@given(st.text(alphabet="/?&=;%abc'", max_size=40))
def test_an_address_comes_back_from_its_ticket_byte_for_byte(text: str) -> None:
    target = b"/" + text.encode()
    assert tickets.without_ticket(tickets.with_ticket(target, "A-_9")) == (target, "A-_9")


@pytest.mark.parametrize("target", [b"/", b"/?ostiary-ticket=a&b", b"/ostiary-ticket=a", b"/?x=ostiary-ticket=a%20"])
def test_what_does_not_end_in_a_ticket_has_none(target: bytes) -> None:
    assert tickets.without_ticket(target) is None
