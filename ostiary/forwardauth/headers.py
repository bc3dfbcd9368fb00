"""Whole answers to a proxy: an empty body, never stored, and on an allow every identity header, empty ones too.

An identity header that were left out would let a client's own copy through.
"""

import re

from ostiary import __version__
from ostiary.access.served import Served
from ostiary.access.table import Person

LARGEST = 4096
"""Bytes of an answer: what nginx reads a response head into by default."""

ASSERTION = b"X-Ostiary-Jwt-Assertion: "
"""What comes before a signed identity. Whoever has none gets the empty header, in the place of one of their own."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEPARATOR = "|"


def answer(status: bytes, *lines: bytes) -> bytes:
    """A complete HTTP/1.1 answer without a body; each of ``lines`` is a header without its line end."""
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def reason(code: str) -> bytes:
    """The line that names a refusal's reason to whoever asks us directly; proxies drop it."""
    return b"X-Ostiary-Reason: " + code.encode("ascii")


def identity(served: Served | None, person: Person | None) -> tuple[bytes, ...] | None:
    """The identity headers of a person at an application, or all of them empty.

    None if they cannot be said faithfully: a group's name holds the separator, so that one group would read as two.
    """
    subject = person.subject if person else None
    if subject is not None and any(_SEPARATOR in name for name in subject.group_names):
        return None
    values = {
        "username": subject.username if subject else "",
        "groups": _SEPARATOR.join(subject.group_names) if subject else "",
        "entitlements": "",
        "email": subject.email if subject else "",
        "name": subject.name if subject else "",
        "uid": person.uuid if person else "",
        "jwt": "",
        "meta-jwks": "",
        "meta-outpost": "ostiary" if served else "",
        "meta-provider": served.provider_name if served else "",
        "meta-app": served.rules.slug if served and served.rules else "",
        "meta-version": f"ostiary/{__version__}" if served else "",
    }
    return tuple(f"X-authentik-{name}: {_CONTROL.sub('', value)}".encode() for name, value in values.items())


ANONYMOUS = answer(b"200 OK", *(identity(None, None) or ()), ASSERTION)
"""The answer for our own paths on an application's host: go ahead, as nobody."""
