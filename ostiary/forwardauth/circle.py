"""What a check saw of a visitor who is sent in a circle, and what that says about the way in between.

A circle is never the person's doing, and whoever can mend it does not see the check. So the attempt takes along what
the check saw, small and signed, and the page that ends the circle shows it and names the cause that it points to.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ostiary.access.served import Served
from ostiary.forwardauth import identify
from ostiary.sessions.app_sessions import attempt_cookie

SESSION_LIVE: Final = "session_live"
"""Why `start` sends somebody on whose session it found, when the check did not."""
_OURS = "ostiary"  # part of the name of every cookie of ours, and, in practice, of no other
_MOST_NAMES = 6
_LONGEST_NAME = 32
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 6265 section 4.1.1, RFC 9110 section 5.6.2


@dataclass(frozen=True, slots=True)
class Saw:
    """``cookies`` are names, ours first, at most six of at most 32 characters; ``more`` counts the others. ``dialect``
    is "" where `start` looked instead of a check."""

    scheme: str = ""
    dialect: str = ""
    cookies: tuple[str, ...] = ()
    more: int = 0


NOTHING: Final = Saw()


class Cause(StrEnum):
    """What makes a circle."""

    NOT_PASSED_ON = "not_passed_on"
    TLS = "tls"
    NO_COOKIES = "no_cookies"
    DOMAIN = "domain"
    NOT_SET = "not_set"
    OTHER_APPLICATION = "other_application"
    SPOILED = "spoiled"
    ELSEWHERE = "elsewhere"
    LOST = "lost"
    SHORT = "short"
    NOT_KEPT = "not_kept"


_WHY: Final[Mapping[Cause, str]] = {
    Cause.NOT_PASSED_ON: "Your sign-in reached us when you were sent here, but not the check: the proxy does not pass"
    " your cookies on when it asks.",
    Cause.TLS: "The application is registered with https, but the check saw http, and browsers keep its cookies over"
    " https only. If TLS ends in front of the proxy, that balancer has to send browsers from http to https, and to tell"
    " the proxy (X-Forwarded-Proto). If there is no TLS at all, register the application with http://.",
    Cause.NO_COOKIES: "The check saw no cookie at all, although your browser was given one on the way: the proxy does"
    " not pass your cookies on when it asks, or your browser refuses all cookies of {host}.",
    Cause.DOMAIN: "The cookie is for {domain} and all hosts below it, and it did not come back: your browser refused"
    " it. {domain} has to be a domain of yours, and no suffix below which anybody may have a host.",
    Cause.NOT_SET: "Your browser sent the cookie that began the sign-in, but not the one that ended it: the proxy does"
    " not pass Set-Cookie of our answer on, or your browser refused it.",
    Cause.OTHER_APPLICATION: "Your browser sent cookies of other applications, but none of this one. Perhaps this one"
    " was deleted and made anew, or two are registered for one host. Delete the cookies of {host} and try again.",
    Cause.SPOILED: "The cookie is not as we made it: it came twice, something on the way changed it, or it was made"
    " under a secret key that is configured no more. Delete the cookies of {host} and try again.",
    Cause.ELSEWHERE: "The cookie is good, but it was made for another application or another host: two applications are"
    " registered so that their cookies meet.",
    Cause.LOST: "The session that was just made for the cookie is not there. If several servers answer, they do not"
    " share one database.",
    Cause.SHORT: "Sessions end as soon as they begin: look at how long they may last, and at the servers' clocks.",
    Cause.NOT_KEPT: "Your browser keeps other cookies of {host}, but none of ours. The application is registered with"
    " {scheme}://; opened any other way, its cookie does not reach us.",
}
_COOKIE_IN: Final[Mapping[str, str]] = {
    "envoy": "Envoy passes on only what it is told to: allowed_headers of the ext_authz filter has to name cookie (with"
    " Envoy Gateway, headersToExtAuth; with Istio, includeRequestHeadersInCheck).",
    "traefik": "In Traefik, authRequestHeaders has to name Cookie, or to be left out.",
    "haproxy": "In HAProxy, the headers that its Lua action passes on have to name cookie.",
    "caddy": "In Caddy, forward_auth must not take Cookie away.",
    "": "In nginx, the location of the check must not set proxy_pass_request_headers off, nor Cookie to nothing.",
}
_COOKIE_OUT: Final[Mapping[str, str]] = {
    "envoy": "In Envoy, allowed_client_headers of the ext_authz filter has to name set-cookie.",
    "nginx-fwd": "Traefik's ingress-nginx provider drops it: use the hand-off by callback.",
    "nginx": "In nginx, the location of the sign-in redirect has to add Set-Cookie of the check's answer.",
}


def look(scheme: str, dialect: str, cookies: str) -> Saw:
    """What there is to see; of the cookies nothing but their names."""
    names = {pair.partition("=")[0].strip() for pair in cookies.split(";")}
    shown = sorted((name for name in names if _NAME.fullmatch(name)), key=lambda name: (_OURS not in name, name))
    kept = tuple(name[:_LONGEST_NAME] for name in shown[:_MOST_NAMES])
    return Saw(scheme, dialect, kept, len(shown) - len(kept))


def cause(served: Served, code: str, saw: Saw) -> Cause:
    """The most likely one. ``code`` is why the check, or `start`, knew nobody."""
    own, attempt = _names(served)
    told = {
        SESSION_LIVE: Cause.NOT_PASSED_ON,
        identify.BAD_COOKIE: Cause.SPOILED,
        identify.ELSEWHERE: Cause.ELSEWHERE,
        identify.ENDED: Cause.LOST,
        identify.EXPIRED: Cause.SHORT,
        identify.IDLE: Cause.SHORT,
    }.get(code)
    if told is not None:
        return told
    if served.secure and saw.scheme == "http" and attempt not in saw.cookies:
        return Cause.TLS
    if not saw.cookies:
        return Cause.NO_COOKIES
    if attempt in saw.cookies:
        return Cause.DOMAIN if served.is_domain else Cause.NOT_SET
    if any(_OURS in name and name != own for name in saw.cookies):
        return Cause.OTHER_APPLICATION
    return Cause.NOT_KEPT


def sentences(served: Served, code: str, saw: Saw) -> Iterator[str]:
    """What makes the circle, and what ends it."""
    found = cause(served, code, saw)
    scheme = "https" if served.secure else "http"
    yield _WHY[found].format(host=served.host_key, domain=served.cookie_domain, scheme=scheme)
    if found in (Cause.NOT_PASSED_ON, Cause.NO_COOKIES) and saw.dialect in _COOKIE_IN:
        yield _COOKIE_IN[saw.dialect]
    if found is Cause.NOT_SET and saw.dialect in _COOKIE_OUT:
        yield _COOKIE_OUT[saw.dialect]


def facts(served: Served, saw: Saw) -> tuple[tuple[str, str], ...]:
    """What the check saw: label and value."""
    own, attempt = _names(served)
    marks = {own: "this application's", attempt: "of the sign-in"}
    names = [f"{name} ({marks.get(name, 'of Ostiary')})" if _OURS in name else name for name in saw.cookies]
    if saw.more:
        names.append(f"{saw.more} more")
    return ("Scheme seen", saw.scheme or "unknown"), ("Cookies seen", ", ".join(names) or "none")


def _names(served: Served) -> tuple[str, str]:
    """The names of the cookie that opens an application and of the one that binds a sign-in, as ``look`` cuts them."""
    own, attempt = served.cookie, attempt_cookie(served.provider_uuid)
    return own.name(served.secure)[:_LONGEST_NAME], attempt.name(served.secure)[:_LONGEST_NAME]
