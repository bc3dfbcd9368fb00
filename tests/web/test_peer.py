"""Forwarded headers count from declared proxies alone."""

import pytest
from starlette.requests import Request

from ostiary.kit.proxies import Proxies, ProxyRule
from ostiary.web.peer import Client, client

PROXIES = Proxies([ProxyRule.parse("10.0.0.0/8", "nginx")])


def read(peer: str, *headers: tuple[str, str]) -> Client:
    raw = [(name.lower().encode(), value.encode()) for name, value in (("host", "auth.example.com"), *headers)]
    return client(
        Request(
            {"type": "http", "scheme": "http", "path": "/", "client": (peer, 1), "server": ("x", 80), "headers": raw}
        ),
        PROXIES,
    )


def test_an_undeclared_peer_is_taken_for_itself() -> None:
    seen = read(
        "203.0.113.7", ("X-Forwarded-For", "10.9.9.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil")
    )
    assert seen == Client("", "203.0.113.7", "http", "auth.example.com", None, "203.0.113.7")
    assert not seen.declared
    assert read("203.0.113.7").undeclared is None


def test_a_declared_proxy_speaks_for_its_visitor() -> None:
    seen = read(
        "10.0.0.1",
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "B.example:443"),
    )
    assert seen == Client("203.0.113.7", "203.0.113.7", "https", "b.example", "nginx", None)


@pytest.mark.parametrize(
    ("forwarded", "visitor"),
    [
        ("1.2.3.4, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.3, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.3", "10.0.0.3"),
        ("a", "10.0.0.1"),
        (",", "10.0.0.1"),
        ("999.1.1.1", "10.0.0.1"),
        ("::g", "10.0.0.1"),
        ("fe80::1%eth0", "10.0.0.1"),
        ("1.2.3.4, what, 10.0.0.2", "10.0.0.2"),
    ],
)
def test_the_visitor_is_the_rightmost_address_that_no_proxy_has(forwarded: str, visitor: str) -> None:
    assert read("10.0.0.1", ("X-Forwarded-For", forwarded)).ip == visitor


def test_the_list_of_addresses_may_have_a_line_for_each_proxy() -> None:
    lines = (("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-For", "10.0.0.2"))
    assert read("10.0.0.1", *lines).ip == "203.0.113.7"


@pytest.mark.parametrize("value", ["javascript", "ftp", "https, http", "https\r\nX: y", ""])
def test_a_scheme_that_is_none_is_not_believed(value: str) -> None:
    assert read("10.0.0.1", ("X-Forwarded-Proto", value)).scheme == "http"


def test_doubled_headers_are_read_as_absent() -> None:
    seen = read("10.0.0.1", ("X-Forwarded-Host", "a.example"), ("X-Forwarded-Host", "b.example"))
    assert seen.host == "auth.example.com"
