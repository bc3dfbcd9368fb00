"""Cookie names, values and headers."""

import pytest

from ostiary.sessions.cookie import FORM, LOGIN
from ostiary.storage.secrets import Secrets

SECRETS = Secrets(["k" * 32])


def test_a_value_is_verified_for_its_kind_alone() -> None:
    value, secret = LOGIN.mint(SECRETS)
    assert len(value) == 64
    assert len(secret) == 32
    assert LOGIN.verify(SECRETS, value) == secret
    assert FORM.verify(SECRETS, value) is None
    assert LOGIN.verify(Secrets(["o" * 32]), value) is None
    assert LOGIN.verify(Secrets(["o" * 32, "k" * 32]), value) == secret


def test_no_changed_value_is_ours() -> None:
    value, _ = LOGIN.mint(SECRETS)
    for position in range(len(value)):
        for other in "Aa0-_=. ":
            if value[position] != other:
                assert LOGIN.verify(SECRETS, value[:position] + other + value[position + 1 :]) is None
    for forged in ("", value[:-1], value + "A", value.swapcase(), "A" * 64, "é" * 64):
        assert LOGIN.verify(SECRETS, forged) is None


def test_the_host_form_belongs_to_https() -> None:
    value, _ = LOGIN.mint(SECRETS)
    assert LOGIN.header(value, secure=True) == f"__Host-ostiary={value}; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert LOGIN.header(value, secure=False) == f"ostiary={value}; Path=/; HttpOnly; SameSite=Lax"
    assert LOGIN.read(SECRETS, f"a=b; ostiary={value}", secure=False) == value
    assert LOGIN.read(SECRETS, f"ostiary={value}", secure=True) is None
    assert LOGIN.read(SECRETS, f"__Host-ostiary={value}", secure=False) is None


@pytest.mark.parametrize("planted", ["x", "", "A" * 64])
def test_of_doubled_cookies_ours_wins_if_it_is_the_only_one(planted: str) -> None:
    value, _ = LOGIN.mint(SECRETS)
    other, _ = LOGIN.mint(SECRETS)
    assert LOGIN.read(SECRETS, f"ostiary={planted}; ostiary={value}", secure=False) == value
    assert LOGIN.read(SECRETS, f"ostiary={value}; ostiary={value}", secure=False) == value
    assert LOGIN.read(SECRETS, f"ostiary={other}; ostiary={value}", secure=False) is None
