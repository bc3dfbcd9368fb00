import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.kit.header_names import aliases, header_name


@pytest.mark.parametrize("name", ["X-Team", "Remote-User", "A", "x-a-b-c-d", "X-authentik-username", "X1-2"])
def test_names(name: str) -> None:
    assert header_name(name, "f") == name


@pytest.mark.parametrize(
    "name",
    ["", "-", "X-", "-X", "X--A", "X_A", "X.A", "X A", "X:A", "X\r\nA", "1X", "X-é", "a-b-c-d-e-f", "X" * 65, "X-{a}"],
)
def test_no_names(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        header_name(name, "f")
    assert (caught.value.code, caught.value.field) == ("header.name_invalid", "f")


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "cookie",
        "Set-Cookie",
        "Authorization",
        "Proxy-Authorization",
        "Proxy",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Content-Length",
        "Content-Anything",
        "X-Forwarded-For",
        "x-forwarded-user",
        "X-Original-URL",
        "X-Ostiary-Jwt-Assertion",
        "X-Real-IP",
        "Forwarded",
        "Via",
        "Location",
        "Remote-Addr",
        "X-Envoy-Original-Path",
        "X-Accel-Redirect",
        "Sec-Fetch-Mode",
        "X-HTTP-Method-Override",
        "Accept",
        "Accept-Encoding",
    ],
)
def test_reserved_names(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        header_name(name, "f")
    assert caught.value.code == "header.name_reserved"


def test_aliases_are_all_spellings_but_the_name() -> None:
    assert aliases("Remote-User", "_") == ("remote_user",)
    assert set(aliases("X-Auth-User", "_")) == {"x_auth_user", "x-auth_user", "x_auth-user"}
    assert set(aliases("Remote-User", "_.")) == {"remote_user", "remote.user"}
    assert len(aliases("X-Ostiary-Jwt-Assertion", "_.")) == 26
    assert aliases("Team", "_.") == ()
