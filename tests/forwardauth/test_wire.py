"""What is cut out of a head, and what a head may not hold twice."""

import httptools
import pytest

from ostiary.forwardauth.dialects.known import DIALECTS
from ostiary.forwardauth.dialects.lines import Refused, cutter, header
from ostiary.forwardauth.wire import Asked, head_of, visitor
from ostiary.kit.proxies import Proxies, ProxyRule

cut = cutter("X-Original-URL", "X-Original-Method", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method")


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"GET /x HTTP/1.1", b"Host: x", *lines, b"", b""])


def test_the_values_come_in_order_whatever_the_case_and_space() -> None:
    found = cut(
        head(b"x-original-url:a", b"X-ORIGINAL-METHOD:  GET", b"Cookie: c=1", b"cookie: d=2", b"X-Forwarded-For: z")
    )
    assert found == [b"c=1; d=2", b"a", b"GET", None, None, None]


def test_a_value_is_not_a_header() -> None:
    """Names that stand inside values, or in the request line, are not found."""
    found = cut(head(b"A: x-original-url: b", b"X-Not-X-Original-URL: c", b"X-Original-URLs: d", b"XX-Original-URL: e"))
    assert found == [None] * 6


@pytest.mark.parametrize("name", [b"X-Original-URL", b"x-forwarded-host", b"X-Forwarded-Uri", b"X-FORWARDED-METHOD"])
def test_a_second_copy_is_refused(name: bytes) -> None:
    with pytest.raises(Refused, match="header_doubled"):
        cut(head(name + b": a", name.swapcase() + b": a"))


@pytest.mark.parametrize("name", [b"X_Original_URL", b"x.original-method", b"X-Forwarded_Host", b"X.Forwarded.Uri"])
def test_an_alias_is_refused(name: bytes) -> None:
    with pytest.raises(Refused, match="header_alias"):
        cut(head(name + b": a"))


@pytest.mark.parametrize(
    "raw",
    [
        b"A: b\r\n X-Original-URL: c",
        b"A: b\nX-Original-URL: c",
        b"X-Original-URL : c",
        b"A: b\rX-Original-URL: c",
        b"A: \0",
    ],
)
def test_the_parser_before_refuses_what_would_hide_a_line(raw: bytes) -> None:
    """The cutting relies on it: lines end in CR LF, are not folded, and have no space before the colon."""
    with pytest.raises(httptools.HttpParserError):
        httptools.HttpRequestParser(object()).feed_data(head(raw))


def test_a_header_that_only_describes_is_read_or_left_alone() -> None:
    assert header(head(b"Accept: text/html \t"), b"accept") == b"text/html"
    assert header(head(b"Accept: a", b"ACCEPT: b"), b"accept") is None
    assert header(head(), b"accept") is None


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ((), ""),
        ((b"X-Forwarded-For: 192.0.2.1",), "192.0.2.1"),
        ((b"X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.2",), "192.0.2.1"),
        ((b"X-Forwarded-For: 6.6.6.6", b"x-forwarded-for: 192.0.2.1"), "192.0.2.1"),
        ((b"X-Forwarded-For: 6.6.6.6, a",), ""),
        ((b"X-Forwarded-For:",), ""),
        ((b"X-Forwarded-For: 10.0.0.7, 10.0.0.2",), "10.0.0.7"),
        ((b"X-Forwarded-For: 2001:DB8::1",), "2001:db8::1"),
        ((b"X-Forwarded-For: fe80::1%" + b"a" * 100,), ""),
        ((b"X-Forwarded-For: 192.0.2.1:5555",), ""),
    ],
)
def test_the_visitor_is_the_nearest_address_that_nobody_vouches_for(lines: tuple[bytes, ...], address: str) -> None:
    proxies = Proxies([ProxyRule.parse("10.0.0.0/8", "any")])
    for dialect in DIALECTS.values():
        asked = Asked(
            dialect=dialect,
            prefix="/ostiary",
            by_secret=False,
            peer="10.0.0.2",
            head=head(*lines),
            scheme="https",
            host=b"h",
            host_key="h",
            target=b"/",
            method="GET",
            cookies="",
        )
        # NGINX Gateway Fabric passes on what the visitor wrote.
        assert visitor(asked, proxies) == ("" if dialect.name == "ngf" else address)


def test_a_head_is_rebuilt_from_parsed_headers() -> None:
    rebuilt = head_of("POST", b"/ostiary/auth/nginx?x", [(b"host", b"h"), (b"x-original-url", b"u"), (b"cookie", b"c")])
    assert rebuilt.startswith(b"POST /ostiary/auth/nginx?x HTTP/1.1\r\nhost: h\r\n")
    assert cut(rebuilt)[:2] == [b"c", b"u"]
