"""Hosts fold to one form, URLs are parsed once, and what could be read in two ways is refused."""

import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.kit.urls import (
    Origin,
    below_domain,
    canonical_path,
    fold_domain,
    fold_host,
    is_public_suffix,
    location,
    parse_origin,
    parse_original_url,
    return_target,
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Hello.Example.COM", "hello.example.com"),
        ("hello.example.com.", "hello.example.com"),
        ("hello.example.com:443", "hello.example.com"),
        ("hello.example.com.:80", "hello.example.com"),
        ("hello.example.com:8443", "hello.example.com:8443"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("[::0001]:8080", "[::1]:8080"),
        ("hello_world.example", "hello_world.example"),
    ],
)
def test_a_host_folds_to_one_key(text: str, key: str) -> None:
    assert fold_host(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "-a.example",
        "a b",
        "a@b",
        "%zz",
        "a:0",
        "a:99999",
        "a:",
        "a:１",
        "[::1",
        "[::1]x",
        "[x]",
        "a/b",
        "x" * 64,
        "a.example:80:80",
        "a\x00b",
        "$http_host",
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"url\.host_invalid"):
        fold_host(text)


def test_a_domain_has_no_port_and_may_begin_with_a_dot() -> None:
    assert fold_domain(".Example.com") == "example.com"
    with pytest.raises(InvalidInput, match="without a port"):
        fold_domain("example.com:80", field="cookie_domain")


def test_an_origin_keeps_only_a_port_that_says_something() -> None:
    assert parse_origin("https://Hello.Example.com:443/") == Origin("https", "hello.example.com")
    assert str(parse_origin("http://hello.localhost:8080")) == "http://hello.localhost:8080"
    assert parse_origin("http://hello.localhost:8080").key == "hello.localhost:8080"


@pytest.mark.parametrize(
    "text", ["hello.example.com", "ftp://a", "https://a/path", "https://", "https://u@a", "https://a?x"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_origin(text, field="external_host")
    assert caught.value.field == "external_host"


def test_the_original_url_keeps_its_target_byte_for_byte() -> None:
    url = parse_original_url(b"http://App.example.com:443/a%2Fb//c?x=%zz&y=\xc3\xa9")
    assert (url.scheme, url.host_key, url.target) == ("http", "app.example.com", b"/a%2Fb//c?x=%zz&y=\xc3\xa9")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"://",
        b"http://%zz/",
        b"http://a/\x00",
        b"http://a/b c",
        b"http://a/b#c",
        b"http://a",
        b"http://a?x=/",
        b"ftp://a/",
        b"http:///x",
        b"http://u:p@a/",
        b"http://a\xff/",
        b"http://a/" + b"x" * 65536,
        b"/x",
        b"HTTP://a/",
        b"http://a*",
    ],
)
def test_what_cannot_be_parsed_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_original_url(raw)


@pytest.mark.parametrize(
    ("target", "path"),
    [(b"/", "/"), (b"/a/b?x=//..", "/a/b"), (b"/caf%C3%A9", "/café"), (b"/a%20b", "/a b"), (b"/a.b/..c", "/a.b/..c")],
)
def test_a_path_that_all_read_alike_has_a_canonical_form(target: bytes, path: str) -> None:
    assert canonical_path(target) == path


@pytest.mark.parametrize(
    "target",
    [
        b"/public/../admin",
        b"/public/%2e%2E/admin",
        b"//admin",
        b"/public%2f..%2fadmin",
        b"/public\\..\\admin",
        b"/./admin",
        b"/admin%5C",
        b"/admin%00",
        b"/admin%3B",
        b"/admin%3F",
        b"/admin%23",
        b"/a;b",
        b"/%zz",
        b"/%25",
        b"/%ff",
        b"/%0a",
        b"*",
        b"/a/.",
        b"/a/..",
        b"/.?x",
    ],
)
def test_a_path_that_could_be_read_in_two_ways_has_none(target: bytes) -> None:
    assert canonical_path(target) is None


@pytest.mark.parametrize(
    ("query", "target"),
    [
        (b"", None),
        (b"x=1&card=/y", None),
        (b"rd=http://app.example.com%2Fapp%2Fa%2520b%3Fx%3D1%26y%3D%2Fz", ("app.example.com", b"/app/a%20b?x=1&y=/z")),
        (b"rd=https%3A%2F%2FApp.example.com%2F%3Fa%2Bb+c", ("app.example.com", b"/?a+b+c")),
        (b"rd=https://app.example.com/a%20b?x=1&y=2", ("app.example.com", b"/a%20b?x=1&y=2")),
        (b"rd=/a?x=1&rd=2", (None, b"/a?x=1&rd=2")),
        (b"rd=%2Fa%3Fx%3D%C3%A9&x=1", (None, "/a?x=é".encode())),
        (b"attempt=abc&rd=http://%2Fx", (None, b"/x")),
    ],
)
def test_the_address_to_return_to_comes_back_as_it_was_asked(
    query: bytes, target: tuple[str | None, bytes] | None
) -> None:
    assert return_target(query) == target


@pytest.mark.parametrize(
    "query",
    [
        b"rd=",
        b"rd=//evil.test",
        b"rd=%2F%2Fevil.test",
        b"rd=/\\evil.test",
        b"rd=https:evil.test",
        b"rd=javascript:alert(1)",
        b"rd=http://$http_host/",
        b"rd=$request_uri",
        b"rd=https:////evil.test",
        b"rd=https://app.example@evil.test/",
        b"rd=https:/%5Cevil.test",
        b"rd=%09/x",
        b"rd=%2Fx%0d%0aSet-Cookie:a=b",
        b"rd=app.example.com/x",
        b"rd=/x#y",
    ],
)
def test_an_address_that_could_lead_elsewhere_is_refused(query: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"url\.return_invalid"):
        return_target(query)


def test_a_location_escapes_only_what_a_browser_would_guess() -> None:
    assert location("https://a", b"/%20?x=[1]&y=%zz'\"\xc3\xa9") == "https://a/%20?x=[1]&y=%zz'\"%C3%A9"


def test_domains_match_at_label_boundaries() -> None:
    assert below_domain("example.com", "example.com")
    assert below_domain("a.b.example.com", "example.com")
    assert not below_domain("notexample.com", "example.com")
    assert not below_domain("example.com.evil.test", "example.com")


@pytest.mark.parametrize(
    ("domain", "public"),
    [
        ("com", True),
        ("co.uk", True),
        ("localhost", True),
        ("github.io", True),
        ("example.com", False),
        ("a.co.uk", False),
    ],
)
def test_public_suffixes_are_known(domain: str, public: bool) -> None:
    assert is_public_suffix(domain) is public
