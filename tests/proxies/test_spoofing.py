"""What a visitor may send to be taken for somebody else, or to be judged on another request than is served.

Whatever a proxy makes of it, an application must never see an identity that the session lacks.
"""

import re
from collections.abc import Iterable

import pytest

from tests.proxies.echo import Arrived
from tests.proxies.installation import ANNA
from tests.proxies.report import Cell
from tests.proxies.stand import Standing
from tests.rig.client import Reply, exchange

IDENTITY = (
    *(f"X-authentik-{name}" for name in ("username", "groups", "entitlements", "email", "name", "uid", "jwt")),
    *(f"X-authentik-meta-{name}" for name in ("jwks", "outpost", "provider", "app", "version")),
    "X-Ostiary-Jwt-Assertion",
    *(f"Remote-{name}" for name in ("User", "Groups", "Email", "Name")),
)
# RFC 9110's characters of a header name that are neither letter nor digit: CGI, WSGI and PHP make one of them all.
ALIASES = "_.!#$%&'*+^`|~"
FORWARDED = (
    *(f"X-Forwarded-{name}" for name in ("Host", "Uri", "Method", "Proto", "Port", "Prefix", "For", "Server", "Path")),
    *(f"X-Original-{name}" for name in ("URL", "URI", "Method", "Host")),
    *("Forwarded", "X-Real-IP", "X-Sent-From", "X-Scheme", "X-Rewrite-URL", "X-Auth-Request-Redirect"),
    *("X-HTTP-Method-Override", "X-Host", "Host-Override", "Path", "Method", "Via"),
)


# nginx makes 500 of every answer to its question that it has no other use for.
SHUT = (302, 400, 401, 403, 404, 500, 503)


def folded(name: str) -> str:
    """A header's name as CGI, WSGI and PHP read it."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


_NAMES = {folded(name): name for name in IDENTITY}


def identities(arrived: Arrived) -> dict[str, set[str]]:
    """Everything in a request that any server would read as one of the identity headers, by its proper name."""
    found: dict[str, set[str]] = {}
    pairs = [*arrived.headers, *((name.removeprefix("HTTP_"), value) for name, value in arrived.environ.items())]
    for name, value in pairs:
        proper = _NAMES.get(folded(name))
        if proper is not None and value:
            found.setdefault(proper, set()).add(value)
    return found


def raw(
    door: Standing, line: bytes, *lines: bytes, host: bytes | None = None, close: bytes = b"Connection: close"
) -> Reply:
    """A request of these bytes."""
    named = b"Host: " + (door.host("hello").encode() if host is None else host)
    return exchange(door.address, b"\r\n".join((line, named, *lines, close)) + b"\r\n\r\n")


def spoofs() -> dict[str, list[str]]:
    """Each way to write the names."""
    ways = {
        "itself": list(IDENTITY),
        "lower case": [name.lower() for name in IDENTITY],
        "upper case": [name.upper() for name in IDENTITY],
        "title case": [name.title() for name in IDENTITY],
        "doubled": [*IDENTITY, *IDENTITY],
        "both": [spelled for name in IDENTITY for spelled in (name.replace("-", "_"), name, name.replace("-", "."))],
    }
    for alias in ALIASES:
        ways[f"with {alias}"] = [name.replace("-", alias) for name in IDENTITY]
        # Only the last dash, for those who look for a prefix.
        ways[f"last {alias}"] = [alias.join(name.rsplit("-", 1)) for name in IDENTITY]
    return ways


def expect_nobody_else(door: Standing, application: str, arrived: Iterable[Arrived], *, known: bool) -> None:
    """Anna where she is known, or nobody; never what a visitor made up."""
    for one in arrived:
        seen = identities(one)
        assert not [value for values in seen.values() for value in values if "forged" in value], (door.stand, one)
        username = seen.get("X-authentik-username", set())
        if door.stand.tells:
            assert username == ({ANNA[0]} if known else set()), (door.stand, application, one)
        else:
            assert username == set()


@pytest.mark.parametrize("application", ["hello", "wiki"], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("way", spoofs())
def test_identity_headers(door: Standing, way: str, application: str, cell: Cell) -> None:
    """Identity headers of the visitor's own, in every spelling"""
    cookie = door.cookie(application)
    door.forget()
    forged = [(name, "forged") for name in spoofs()[way]]
    reply = door.ask(application, "/", cookie, *forged)
    assert reply.status == 200 or 400 <= reply.status < 500
    arrived = door.arrived(application)
    assert (reply.status == 200) == (len(arrived) == 1)
    expect_nobody_else(door, application, arrived, known=True)
    # As nobody, at a path that is let through; it may lead to Ostiary itself.
    door.forget()
    door.ask(application, "/ostiary/ping", *forged)
    expect_nobody_else(door, application, door.arrived(application), known=False)
    cell("never arrive")


@pytest.mark.parametrize("application", ["hello", "wiki"], ids=["wsgi", "asgi"])
def test_identity_headers_named_as_belonging_to_the_connection(door: Standing, application: str) -> None:
    cookie = door.cookie(application)
    for spelled in ("Connection", "connection", "CONNECTION"):
        for names in (IDENTITY, [name.lower() for name in IDENTITY], ["Cookie"], ["Host"], ["Upgrade", *IDENTITY]):
            for forged in ((), tuple((name, "forged") for name in IDENTITY)):
                door.forget()
                lines = [f"{name}: {value}" for name, value in (cookie, *forged)]
                tokens = f"{spelled}: close, {', '.join(names)}"
                head = (f"GET / HTTP/1.1\r\nHost: {door.host(application)}", *lines, tokens)
                exchange(door.address, ("\r\n".join(head) + "\r\n\r\n").encode())
                expect_nobody_else(door, application, door.arrived(application), known=True)


def test_forwarded_headers(door: Standing, cell: Cell) -> None:
    """Forwarded headers of the visitor's own, in every spelling"""
    # Anna may enter hello. Whatever is said about another request, vault stays shut, and so does hello for nobody.
    cookie = door.cookie("hello")
    host = door.host("hello")
    door.forget()
    values = {
        "Host": [host, "auth.corp.test"],
        "URL": [f"http://{host}/", f"http://{door.host('vault')}/ostiary/ping", "/ostiary/ping"],
        "Uri": ["/ostiary/ping", "/outpost.goauthentik.io/callback"],
        "Method": ["OPTIONS", "GET"],
    }
    every = {value for several in values.values() for value in several} | {"nginx-ingress-controller", "https", "x"}
    for name in FORWARDED:
        for spelled in {name, name.replace("-", "_"), name.replace("-", "."), name.lower()}:
            for value in sorted(every):
                forged = ((spelled, value), (spelled, value))
                for count in (1, 2):
                    reply = door.ask("vault", "/", cookie, *forged[:count])
                    assert reply.status in SHUT, (spelled, value, reply)
                reply = door.ask("hello", "/", *forged[:1])
                assert reply.status in SHUT, (spelled, value, reply)
    everything = [(name, host) for name in FORWARDED]
    door.navigate("vault", "/", cookie, *everything)
    assert not door.arrived("vault")
    assert not door.arrived("hello")
    cell("open nothing")


def test_forwarded_headers_change_nothing_for_those_who_may(door: Standing) -> None:
    cookie = door.cookie("hello")
    for name in FORWARDED:
        door.forget()
        reply = door.ask("hello", "/mine", cookie, (name, "forged"))
        arrived = door.arrived("hello")
        assert (reply.status == 200) == (len(arrived) == 1)
        assert reply.status in (200, *SHUT), (name, reply)
        expect_nobody_else(door, "hello", arrived, known=True)


def test_hosts_and_absolute_addresses(door: Standing, cell: Cell) -> None:
    """Absolute addresses, two hosts, odd hosts"""
    # Whatever a request says about its host, Anna's cookie for hello opens hello and nothing else.
    _, cookie = door.cookie("hello")
    hello, vault = door.host("hello").encode(), door.host("vault").encode()
    line = b"Cookie: " + cookie.encode()
    lines = [
        (b"GET http://" + hello + b"/ HTTP/1.1", vault),
        (b"GET http://" + vault + b"/ HTTP/1.1", hello),
        (b"GET http://" + hello + b"@" + vault + b"/ HTTP/1.1", hello),
        (b"GET http://" + vault + b"@" + hello + b"/ HTTP/1.1", vault),
        (b"GET https://" + vault + b"/ HTTP/1.1", hello),
        (b"GET //" + vault + b"/ HTTP/1.1", hello),
        (b"GET //" + hello + b"/ HTTP/1.1", vault),
        (b"GET http:///x HTTP/1.1", vault),
        (b"GET http:" + vault + b" HTTP/1.1", hello),
        (b"GET " + vault + b" HTTP/1.1", hello),
        (b"GET * HTTP/1.1", vault),
        (b"GET / HTTP/1.1", hello + b"@" + vault),
        (b"GET / HTTP/1.1", hello + b"#" + vault),
        (b"GET / HTTP/1.1", hello + b"/" + vault),
        (b"GET / HTTP/1.1", hello + b"\\" + vault),
        (b"GET / HTTP/1.1", hello + b", " + vault),
        (b"GET / HTTP/1.1", vault + b"\r\nHost: " + hello),
        (b"GET / HTTP/1.1", hello + b"\r\nHost: " + vault),
        (b"GET / HTTP/1.1", vault + b"\r\n X: y"),
        (b"GET / HTTP/1.1", vault.upper()),
        (b"GET / HTTP/1.1", vault + b"."),
        (b"GET / HTTP/1.1", vault + b":80"),
        (b"GET / HTTP/1.1", vault + b":8080"),
        (b"GET / HTTP/1.1", vault + b"\t"),
        (b"GET / HTTP/1.0", vault),
        (b"GET / HTTP/1.0", b""),
        (b"CONNECT " + vault + b":80 HTTP/1.1", vault),
        (b"OPTIONS * HTTP/1.1", vault),
    ]
    door.forget()
    for first, host in lines:
        reply = raw(door, first, line, host=host)
        assert not door.arrived("vault"), (first, host, reply)
        expect_nobody_else(door, "hello", door.arrived("hello"), known=True)
    # Without a cookie nobody gets anywhere at all.
    door.forget()
    for first, host in lines:
        raw(door, first, host=host)
        raw(door, first.replace(b"GET", b"POST"), host=host)
    assert not [one for name in door.applications for one in door.arrived(name)]
    cell("open nothing")


def test_line_breaks_and_folded_lines(door: Standing, cell: Cell) -> None:
    """Line breaks, folded lines and control characters"""
    # What one parser takes for one header and another for two.
    _, cookie = door.cookie("hello")
    mine = b"Cookie: " + cookie.encode()
    names = (b"X-authentik-username", b"Remote-User")
    tries = []
    for name in names:
        tries += [
            b"X: y\r" + name + b": forged",
            b"X: y\n" + name + b": forged",
            b"X: y\r\n " + name + b": forged",
            b"X: y\r\n\t\r\n" + name + b": forged",
            b"X: y\x00\r\n" + name + b": forged",
            name + b" : forged",
            name + b"\t: forged",
            b" " + name + b": forged",
            name + b"\x00: forged",
            name + b":\x0bforged",
            b"\xef\xbb\xbf" + name + b": forged",
            b"X: y\xe5\x98\x8a\xe5\x98\x8d" + name + b": forged",
        ]
    door.forget()
    for line in tries:
        raw(door, b"GET / HTTP/1.1", mine, line)
        raw(door, b"GET / HTTP/1.1", line, mine)
    for target in (b"/%0d%0a" + names[0] + b":%20forged", b"/\r" + names[0] + b": forged", b"/\x00", b"/\x0b", b"/ x"):
        raw(door, b"GET " + target + b" HTTP/1.1", mine)
    expect_nobody_else(door, "hello", door.arrived("hello"), known=True)
    door.forget()
    for line in tries:
        raw(door, b"GET / HTTP/1.1", line)
    assert not door.arrived("hello")
    cell("open nothing")


def test_lengths(door: Standing, cell: Cell) -> None:
    """64 kB of anything"""
    cookie = door.cookie("hello")
    much = "x" * 65_536
    door.forget()
    for headers in (
        (("X", much),),
        (("Cookie", f"{cookie[1].partition('=')[0]}={much}"),),
        ((much, "x"),),
        tuple((f"X-{number}", "y" * 60) for number in range(1000)),
    ):
        reply = door.ask("hello", "/", *headers)
        assert reply.status in (0, 413, 414, 431, 502, *SHUT), reply
    for target in (f"/{much}", f"/?{much}", f"/{'a/' * 32_768}", f"/#{much}", f"//{much}"):
        reply = door.navigate("hello", target)
        assert reply.status in (0, 413, 414, 431, 502, *SHUT), reply
        reply = door.ask("vault", target, cookie)
    assert not door.arrived("hello")
    assert not door.arrived("vault")
    # And with a good session, a long head is served or refused, never served as somebody else.
    door.ask("hello", "/", cookie, ("X-authentik-username", f"forged{much}"))
    door.ask("hello", f"/{much}", cookie, ("X-authentik-username", "forged"))
    expect_nobody_else(door, "hello", door.arrived("hello"), known=True)
    cell("opens nothing")


def test_two_requests_in_one(door: Standing, cell: Cell) -> None:
    """A request inside another's body"""
    _, cookie = door.cookie("hello")
    host = door.host("hello").encode()
    hidden = b"GET /hidden HTTP/1.1\r\nHost: " + host + b"\r\nX-authentik-username: forged\r\n\r\n"
    mine = b"Cookie: " + cookie.encode()
    length = b"Content-Length: %d" % len(hidden)
    door.forget()
    for lines in (
        (length, b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", length),
        (b"Transfer-Encoding : chunked", length),
        (b"Transfer-Encoding: xchunked", length),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", length),
        (b"Content-Length: 0", length),
        (b"Content-Length: +0", length),
        (b"Content_Length: 0", length),
        (length, b"Expect: 100-continue, x"),
    ):
        head = (b"POST / HTTP/1.1", b"Host: " + host, mine, *lines, b"Connection: close")
        exchange(door.address, b"\r\n".join(head) + b"\r\n\r\n" + hidden, to_the_end=True)
        exchange(door.address, b"\r\n".join(head) + b"\r\n\r\n0\r\n\r\n" + hidden, to_the_end=True)
    expect_nobody_else(door, "hello", [one for one in door.arrived("hello") if one.target == "/"], known=True)
    # A second request on a connection is a request like any other: without a session it is refused.
    assert not [one for one in door.arrived("hello") if one.target == "/hidden"]
    cell("never served")
