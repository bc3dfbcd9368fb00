"""Names of HTTP headers that we set for applications, and those that we never set."""

import re
from itertools import product
from typing import Final

from ostiary.kit.errors import InvalidInput

LONGEST: Final = 64
_MOST_DASHES: Final = 4

# Letters, digits and dashes alone: servers fold other signs into dashes or underscores, so that two names become one.
_NAME: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|-(?=[A-Za-z0-9]))*")

# What steers the connection, the request or its trust; the body's own; and what servers turn into their own variables.
_RESERVED: Final = frozenset(
    """
    age allow alt-svc alt-used authorization cache-control client-ip connection cookie cookie2 date early-data etag
    expect expires forwarded front-end-https host http2-settings keep-alive last-modified link location max-forwards
    origin pragma proxy range referer refresh remote-addr remote-host remote-ident remote-port request-uri script-name
    server set-cookie set-cookie2 strict-transport-security te trailer transfer-encoding true-client-ip upgrade
    upgrade-insecure-requests user-agent vary via warning www-authenticate x-client-ip x-cluster-client-ip
    x-frame-options x-host x-http-method x-http-method-override x-method-override x-real-ip x-request-id
    x-requested-with x-rewrite-url x-sent-from
    """.split()  # noqa: SIM905 - a list of sixty would fill a page
)
_RESERVED_STARTS: Final = (
    "accept-",
    "access-control-",
    "cf-",
    "content-",
    "if-",
    "proxy-",
    "sec-",
    "x-accel-",
    "x-envoy-",
    "x-forwarded-",
    "x-original-",
    "x-ostiary-",
)


def header_name(text: str, field: str) -> str:
    """The name, if an application may be told something by it. Raises `header.name_invalid`, `header.name_reserved`."""
    if len(text) > LONGEST or text.count("-") > _MOST_DASHES or not _NAME.fullmatch(text):
        raise InvalidInput(
            "header.name_invalid",
            f"{field}: {text[:LONGEST]!r} is no name for a header; use letters, digits and at most four single"
            " dashes, such as X-User-Team.",
            field=field,
        )
    folded = text.lower()
    if folded == "accept" or folded in _RESERVED or folded.startswith(_RESERVED_STARTS):
        raise InvalidInput(
            "header.name_reserved",
            f"{field}: {text} means something else on the way; choose another name.",
            field=field,
        )
    return text


def aliases(name: str, signs: str) -> tuple[str, ...]:
    """Every spelling of this name with some of its dashes replaced by any of ``signs``, in lower case.

    Servers that make variables of headers (CGI, WSGI, PHP) fold these into the name itself, so that a visitor who
    spells a header so would be believed. The name itself is not among them.
    """
    first, *parts = name.lower().split("-")
    return tuple(
        first + "".join(map("".join, zip(mix, parts, strict=True))) for mix in product(f"-{signs}", repeat=len(parts))
    )[1:]
