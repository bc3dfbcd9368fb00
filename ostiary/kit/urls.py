"""Hosts, origins and the URL that a proxy says was asked. Parsed once, at the edge, into one form.

A host key is ``host`` or ``host:port``: lower case, without a trailing dot, international names as A-labels (RFC 5890),
and without port 80 or 443. Both ports are left out whatever the scheme, because behind a balancer that ends TLS a proxy
says ``http`` of a request that was ``https``.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote_from_bytes, unquote_to_bytes

import idna

from ostiary.kit.errors import InvalidInput

MAX_URL = 8192
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_FORBIDDEN_IN_URL = re.compile(rb"[\x00-\x20\x7f#]")
# Spellings that servers read differently: empty and dot segments, encoded or reversed slashes, NUL, parameters, a
# second layer of encoding, and broken escapes.
_AMBIGUOUS_PATH = re.compile(
    rb"//|/(?:\.|%2e){1,2}(?:/|$)|%(?:2f|5c|00|25|3b|3f|23)|[\\;]|%(?![0-9a-f]{2})", re.IGNORECASE
)

_ASCII_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_RD = re.compile(rb"(?:^|&)rd=")
_LITERAL_RETURN = re.compile(rb"(?:https?://[^/?%&]*)?/")
# A path alone, or a URL whose host the proxy left empty; a second slash or a backslash could hide a host.
_HOSTLESS_RETURN = re.compile(rb"(?:https?://)?/(?![/\\\\])")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port; ``port`` is None where it is the scheme's own."""

    scheme: str
    host: str
    port: int | None = None

    @property
    def key(self) -> str:
        """The host key."""
        return self.host if self.port in (None, 80, 443) else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + ("" if self.port is None else f":{self.port}")


@dataclass(frozen=True, slots=True)
class OriginalUrl:
    """What the visitor asked for, as the proxy tells it; ``target`` is path and query, opaque bytes."""

    scheme: str
    host_key: str
    target: bytes


def fold_host(text: str) -> str:
    """The host key of ``host[:port]``. Raises `url.host_invalid`."""
    host, port = _split(text)
    return host if port in (None, 80, 443) else f"{host}:{port}"


def fold_domain(text: str, field: str | None = None) -> str:
    """The folded form of a host name without a port; a leading dot, as cookies have it, is dropped."""
    try:
        host, port = _split(text.removeprefix("."))
    except InvalidInput as error:
        raise InvalidInput("url.host_invalid", f"{text!r} is no host name.", field=field) from error
    if port is not None:
        raise InvalidInput("url.host_invalid", f"{text!r} must be a host name without a port.", field=field)
    return host


def parse_origin(text: str, field: str | None = None) -> Origin:
    """An origin such as ``https://hello.example.com``, with or without a final slash. Raises `url.origin_invalid`."""
    wanted = f"{field or 'the address'}: {text!r} must look like https://hello.example.com, without a path."
    scheme, separator, rest = text.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in ("http", "https"):
        raise InvalidInput("url.origin_invalid", wanted, field=field)
    try:
        host, port = _split(rest.removesuffix("/"))
    except InvalidInput as error:
        raise InvalidInput("url.origin_invalid", wanted, field=field) from error
    return Origin(scheme, host, None if port == (443 if scheme == "https" else 80) else port)


def parse_original_url(raw: bytes) -> OriginalUrl:
    """Parses ``scheme://host[:port]/path?query``. Raises `url.malformed`, `url.scheme` or `url.host_invalid`.

    A fragment never belongs here: a server that cuts at ``#`` and one that does not would see two paths.
    """
    if len(raw) > MAX_URL or _FORBIDDEN_IN_URL.search(raw):
        raise InvalidInput("url.malformed", "The address is too long or holds characters that no address has.")
    scheme, separator, rest = raw.partition(b"://")
    authority, slash, target = rest.partition(b"/")
    if not separator or not slash:
        raise InvalidInput("url.malformed", "The address must be scheme://host/path.")
    if scheme not in (b"http", b"https"):
        raise InvalidInput("url.scheme", "The address must begin with http:// or https://.")
    try:
        host = fold_host(authority.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidInput("url.host_invalid", "The host name cannot be read.") from error
    return OriginalUrl(scheme.decode("ascii"), host, slash + target)


def canonical_path(target: bytes) -> str | None:
    """The decoded path of a target if every server must read it alike, else None. The query is no part of it."""
    path = target.partition(b"?")[0]
    if not path.startswith(b"/") or _AMBIGUOUS_PATH.search(path):
        return None
    try:
        text = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def location(origin: str, target: bytes) -> str:
    """``origin`` followed by ``target`` for a Location header; bytes beyond ASCII become the escapes a browser sends.

    Left raw, a browser would guess their encoding and send other bytes than it was first asked for.
    """
    return origin + quote_from_bytes(target, safe=_ASCII_PRINTABLE)


def return_target(query: bytes) -> tuple[str | None, bytes] | None:
    """Where ``rd`` of a raw query string points: (host key, path and query), the host None for the asking host.

    None if there is no ``rd``. ingress-nginx escapes the path and query but not the scheme and host; plain nginx, as
    authentik documents it, escapes nothing, so that an address with a raw path runs to the end of the query string.
    Both come back byte by byte as the visitor asked. Raises `url.return_invalid` for what is no address of an
    application: other schemes, no path, a second host hidden behind slashes, unexpanded variables.
    """
    found = _RD.search(query)
    if found is None:
        return None
    raw = query[found.end() :]
    value = raw if _LITERAL_RETURN.match(raw) else unquote_to_bytes(raw.partition(b"&")[0])
    wrong = InvalidInput("url.return_invalid", "The address to return to cannot be used.", field="rd")
    if len(value) > MAX_URL or _FORBIDDEN_IN_URL.search(value):
        raise wrong
    if hostless := _HOSTLESS_RETURN.match(value):
        return None, value[hostless.end() - 1 :]
    try:
        url = parse_original_url(value)
    except InvalidInput as error:
        raise wrong from error
    return url.host_key, url.target


def below_domain(host: str, domain: str) -> bool:
    """True if ``host`` is ``domain`` or ends in it at a label boundary. Both folded, without ports."""
    return host == domain or host.endswith("." + domain)


@lru_cache(maxsize=256)
def is_public_suffix(domain: str) -> bool:
    """True if anyone may register names below ``domain``, so that no cookie may span it; single labels count."""
    # Loaded on use: the list is large, and only the writing of a provider asks.
    from publicsuffixlist import PublicSuffixList

    return bool(PublicSuffixList().publicsuffix(domain) == domain)


def _split(text: str) -> tuple[str, int | None]:
    """(folded host, port or None) of ``host[:port]``."""
    wrong = InvalidInput("url.host_invalid", f"{text[:80]!r} is no host name.")
    if text.startswith("["):
        literal, bracket, rest = text[1:].partition("]")
        try:
            host = f"[{IPv6Address(literal).compressed}]"
        except ValueError as error:
            raise wrong from error
        if not bracket or (rest and not rest.startswith(":")):
            raise wrong
        return host, _port(rest[1:], wrong) if rest else None
    name, colon, digits = text.partition(":")
    return _fold_name(name, wrong), _port(digits, wrong) if colon else None


def _fold_name(name: str, wrong: InvalidInput) -> str:
    name = name.lower().removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise wrong from error
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise wrong
    return name


def _port(digits: str, wrong: InvalidInput) -> int:
    if not digits.isascii() or not digits.isdigit() or len(digits) > 5 or not 0 < int(digits) < 65536:
        raise wrong
    return int(digits)
