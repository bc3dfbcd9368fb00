"""What a verdict looks like to each proxy, and to the browser behind it where our refusal gets so far.

nginx and its kin turn a 401 into a redirect of their own and show nothing of ours; the others pass on what we write:
a redirect for somebody who opens a page, a page for somebody who would read it, JSON for a program.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Protocol

from ostiary.access.served import Served
from ostiary.forwardauth import decide
from ostiary.forwardauth.decide import Verdict
from ostiary.forwardauth.dialects.dialect import Dialect
from ostiary.forwardauth.dialects.lines import header
from ostiary.forwardauth.headers import answer, reason
from ostiary.forwardauth.judge import Outcome
from ostiary.forwardauth.wire import Asked, is_navigation, is_shown

_STATUS: Final[Mapping[Verdict, tuple[bytes, str]]] = {
    Verdict.SIGN_IN: (b"401 Unauthorized", "Sign in first: open the application in a browser window."),
    Verdict.FORBIDDEN: (b"403 Forbidden", decide.SENTENCES["not_allowed"]),
    Verdict.UNKNOWN_HOST: (b"403 Forbidden", "Nothing is set up at this address."),
    Verdict.UNDECIDABLE: (b"503 Service Unavailable", "It cannot be decided right now; please try again."),
    Verdict.REFUSED: (b"403 Forbidden", "The question of the proxy cannot be trusted."),
}


class WayBack(Protocol):
    """How people get from a refused check to our host and back."""

    def attempt(self, served: Served, asked: Asked, seen: str, now: datetime) -> tuple[bytes, ...]:
        """The header lines of a 401 whose redirect the proxy makes."""

    def redirect(self, served: Served, asked: Asked, base_url: str, seen: str, now: datetime) -> tuple[bytes, ...]:
        """The header lines of our own redirect."""


Render = Callable[[Asked, Outcome, str | None], bytes]
"""A whole refusal page, as an HTML document without its head; b"" if it cannot be made."""


class Replies:
    """``page`` renders the document of a refusal that somebody will read, given our address or None."""

    def __init__(self, *, way_back: WayBack, page: Render) -> None:
        self._way_back = way_back
        self._page = page

    def refusal(self, asked: Asked, outcome: Outcome, base_url: str | None, now: datetime) -> bytes:
        """The whole answer to a question that is not allowed."""
        if asked.dialect.redirects:
            return self._seen(asked, outcome, base_url, now)
        lines = [reason(outcome.reason)]
        served = outcome.served
        if (
            outcome.verdict is Verdict.SIGN_IN
            and served is not None
            and served.in_place
            and asked.dialect.carries_attempt
        ):
            lines += self._way_back.attempt(served, asked, outcome.reason, now)
        return answer(_unseen_status(asked, outcome), *lines)

    def _seen(self, asked: Asked, outcome: Outcome, base_url: str | None, now: datetime) -> bytes:
        code = reason(outcome.reason)
        served = outcome.served
        if outcome.verdict is Verdict.SIGN_IN and served is not None and base_url is not None and is_navigation(asked):
            if header(asked.head, b"x-sent-from") == b"nginx-ingress-controller":
                # ingress-nginx would make a redirect an error 500; with a 401 its own redirect takes over.
                return answer(b"401 Unauthorized", code)
            return answer(b"302 Found", code, *self._way_back.redirect(served, asked, base_url, outcome.reason, now))
        status, sentence = _STATUS[outcome.verdict]
        if is_shown(asked) and (page := self._page(asked, outcome, base_url)):
            return _with_body(asked, status, page, b"text/html; charset=utf-8", code, *_page_lines(base_url))
        sentence = decide.SENTENCES.get(outcome.reason, sentence) if outcome.verdict is Verdict.FORBIDDEN else sentence
        return _with_body(asked, status, document(outcome.verdict, outcome.reason, sentence), b"application/json", code)


def allowed(
    ready: bytes,
    private: bytes,
    served: Served,
    dialect: Dialect,
    *,
    by_secret: bool,
    by_machine: bool,
    authorization: bytes | None,
) -> bytes:
    """An allowing answer as one proxy needs it, from the one that is the same for all.

    ``private`` lines and ``authorization``, the visitor's own, go out only where a path secret keeps scripts of
    visitors from asking. What said who a machine is, is nothing for the application to see: a proxy that takes off what
    we list takes it off, any other sets what we answer. For that it has to be answered the application's own as well,
    or a proxy that is told to set it would set nothing.
    """
    line, ending = private if by_secret else b"", served.removal if dialect.removes else b"\r\n"
    if not line and by_machine:
        if dialect.removes:
            listed = ending[:-4] + b"," if ending != b"\r\n" else b"x-envoy-auth-headers-to-remove: "
            ending = listed + b"authorization\r\n\r\n"
        elif by_secret:
            line = b"Authorization: \r\n"
    elif not line and by_secret and served.answers_authorization and authorization is not None:
        line = b"Authorization: " + authorization + b"\r\n"
    return ready[:-2] + line + ending


def misasked(dialect: Dialect, code: str, advice: str, status: bytes, *lines: bytes, silent: bool = False) -> bytes:
    """The refusal of a question that was not even read. Where it reaches somebody, it says what to set.

    ``silent``: it answers a HEAD, behind which a body would be read as the answer to the next question.
    """
    if silent or not dialect.redirects:
        return answer(status, reason(code), *lines)
    body = document(Verdict.REFUSED, code, advice)
    return _written(status, body, b"application/json", reason(code), *lines)


def document(verdict: Verdict, code: str, sentence: str) -> bytes:
    """The JSON of a refusal."""
    name = code if verdict in (Verdict.FORBIDDEN, Verdict.REFUSED) else verdict.value
    return json.dumps({"error": f"forward_auth.{name}", "message": sentence}).encode()


def _unseen_status(asked: Asked, outcome: Outcome) -> bytes:
    verdict = outcome.verdict
    if verdict in (Verdict.SIGN_IN, Verdict.UNKNOWN_HOST):
        return b"401 Unauthorized"
    signs_in = asked.dialect.signs_in and not outcome.by_machine
    if verdict is Verdict.FORBIDDEN and signs_in and is_navigation(asked):
        # The redirect of the 401 leads to `start`, which explains.
        return b"401 Unauthorized"
    return _STATUS[verdict][0]


def _page_lines(base_url: str | None) -> tuple[bytes, ...]:
    source = b"'none'" if base_url is None else base_url.encode("ascii")
    policy = (
        b"default-src 'none'; style-src %b; img-src %b; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
    )
    return (
        b"Content-Security-Policy: " + policy % (source, source),
        b"Referrer-Policy: no-referrer",
        b"X-Content-Type-Options: nosniff",
        b"X-Frame-Options: DENY",
    )


def _with_body(asked: Asked, status: bytes, body: bytes, kind: bytes, *lines: bytes) -> bytes:
    # A HEAD is answered without the body (RFC 9110 section 9.3.2).
    return answer(status, *lines) if asked.head.startswith(b"HEAD ") else _written(status, body, kind, *lines)


def _written(status: bytes, body: bytes, kind: bytes, *lines: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Length: %d\r\nContent-Type: %b\r\nCache-Control: no-store\r\n"
    return head % (status, len(body), kind) + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body
