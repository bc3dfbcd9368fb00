"""The check: one question of a proxy in, one whole answer out.

`Responder.answer` is the hot path. It is plain and synchronous, writes nothing, logs nothing, and for a session it has
judged before returns the bytes it kept. Everything that memory cannot tell goes to the judge.
"""

import hmac
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final, Protocol, cast

import structlog

from ostiary.access.freshness import Freshness, SqliteFreshness
from ostiary.access.served import Served
from ostiary.access.table import AccessTable
from ostiary.forwardauth import dialects
from ostiary.forwardauth.decide import Verdict
from ostiary.forwardauth.headers import answer, reason
from ostiary.forwardauth.judge import Judge, Outcome
from ostiary.forwardauth.tickets import MARK, without_ticket
from ostiary.forwardauth.wire import Asked, Refused, cut, is_navigation
from ostiary.kit.errors import InvalidInput, Unavailable
from ostiary.kit.proxies import Proxies
from ostiary.kit.urls import MAX_URL, fold_host, parse_original_url

# What no address holds; a fragment above all, since a server that cuts at it sees another path.
_NO_ADDRESS = bytes(range(0x21)) + b"\x7f#"
_SCHEMES = (b"https://", b"http://")
_OWS = b" \t"
_MOST_COMPLAINTS = 1000
_HEADERS_DIFFER = "a check's headers contradict each other, or a visitor forged some; see how a check is decided"
_ADVICE: Final[Mapping[str, str]] = {
    "peer_undeclared": "add this address, or its network, to the setting proxies",
    "peer_of_other_kind": "this peer is declared with a kind that does not use this address",
    "path_secret_wrong": "ask at an address with a path secret that the setting forward_auth.path_secrets holds",
    "no_original_url": "have the proxy set X-Original-URL to $scheme://$http_host$request_uri",
}
_log = structlog.get_logger("forwardauth")
_UNREACHABLE = Outcome(Verdict.UNDECIDABLE, "database_unreachable")


class Trace(Protocol):
    """Told of every check while tracing is on: what was asked and what it came to, never a cookie or a query."""

    def __call__(self, *, peer: str, host: str, path: str, method: str, verdict: str, reason: str) -> None: ...


class InPlace(Protocol):
    """How a provider without a route on its application's host brings people back: through the check itself."""

    def attempt(self, served: Served, asked: Asked, seen: str, now: datetime) -> tuple[bytes, ...]:
        """The header lines of a refusal that let a person find their way to our host and back."""

    def clean(self, served: Served, asked: Asked, now: datetime) -> bytes:
        """The header line that sends a browser to the address of ``asked``, which had a ticket at its end."""

    async def redeem(self, served: Served, asked: Asked, ticket: str, now: datetime) -> bytes | None:
        """The header line that seats a ticket in this browser; None if the ticket is no good here."""


class Responder:
    """Answers checks. One per worker."""

    def __init__(
        self,
        *,
        table: AccessTable,
        freshness: Freshness,
        judge: Judge,
        in_place: InPlace,
        proxies: Proxies,
        now: Callable[[], datetime],
        path_secrets: Sequence[str] = (),
        trace: Trace | None = None,
    ) -> None:
        self._table = table
        self._freshness = freshness
        self._fresh = freshness.fresh
        self._judge = judge
        self._in_place = in_place
        self._kind_of = proxies.kind_of
        self._kinds = dialects.KINDS["nginx"]
        self._now = now
        self._path_secrets = [secret.encode() for secret in path_secrets]
        self._trace = trace
        # With secrets configured, no bare address is answered.
        self._bare = frozenset[bytes]() if path_secrets else dialects.NGINX_TARGETS
        self._sign_in = answer(b"401 Unauthorized")
        self.counts = dict.fromkeys(Verdict, 0)
        """How many checks came to each verdict, apart from ``remembered``; read when metrics are scraped."""
        self._complained: set[tuple[str, str]] = set()
        self.remembered = 0
        """How many were allowed from memory."""

    # One function, because each call would cost as much as several of these steps.
    def answer(  # noqa: C901
        self, head: bytes, method: bytes, target: bytes, peer: str
    ) -> bytes | Awaitable[bytes] | None:
        """The answer to one question; None if the target is none of the auth endpoints.

        ``head`` is a whole, well-formed request head; ``method`` means nothing, and the query string of ``target`` can
        only forbid.
        """
        chosen = None
        if target not in self._bare or self._kind_of(peer) not in self._kinds:
            endpoint = dialects.auth_endpoint(target)
            if endpoint is None:
                return None
            refusal = self._gate(*endpoint, peer)
            if refusal is not None:
                return refusal
            chosen = dialects.chosen_host(target)
        try:
            cookies, url, asked_method, forwarded_host, forwarded_uri, forwarded_method = cut(head)
            if url is None:
                raise Refused("no_original_url")
            start = url.find(b"://") + 3
            slash = url.find(b"/", start)
            host, path = url[start:slash], url[slash:]
            if chosen is not None and chosen != host and not _same_host(chosen, host):
                raise Refused("chosen_host_disagrees")
            if forwarded_host is not None and forwarded_host != host and not _same_host(forwarded_host, host):
                raise Refused("forwarded_host_disagrees")
            if forwarded_uri is not None and forwarded_uri.rstrip(_OWS) != path.rstrip(_OWS):
                raise Refused("forwarded_uri_disagrees")
            if forwarded_method is not None and forwarded_method != asked_method:
                raise Refused("forwarded_method_disagrees")
        except Refused as refused:
            return self._refuse(refused.reason, peer)

        fresh = self._fresh()
        table = self._table
        rules = table.rules
        served = rules.by_host.get(host) or rules.met.get(host)
        if (
            served is not None
            and fresh
            and self._trace is None
            and served.rules is not None
            and rules.base_url is not None
            and url.startswith(_SCHEMES)
            and start < slash
            and len(url) <= MAX_URL
            and len(url.translate(None, _NO_ADDRESS)) == len(url)
            and not path.startswith(dialects.ABOVE_OWN)
            and not (served.in_place and MARK in path)
        ):
            prefix = served.cookie_prefix
            at = -1 if cookies is None else cookies.find(prefix)
            if at < 0:
                if not served.in_place:
                    self.counts[Verdict.SIGN_IN] += 1
                    return self._sign_in
            elif cookies is not None and cookies.find(prefix, at + 1) < 0 and (at == 0 or cookies[at - 1] in b" ;"):
                at += len(prefix)
                end = cookies.find(b";", at)
                entry = table.entries.get(sha256(cookies[at:] if end < 0 else cookies[at:end]).digest())
                if (
                    entry is not None
                    and entry.served is served
                    and entry.version == table.version
                    and entry.since <= self._now() < entry.until
                ):
                    self.remembered += 1
                    return entry.answer

        try:
            parsed = parse_original_url(url.rstrip(_OWS))
        except InvalidInput as error:
            return self._refuse(error.code, peer)
        asked = Asked(
            peer=peer,
            head=head,
            host=host,
            host_key=parsed.host_key,
            target=parsed.target,
            method="" if asked_method is None else asked_method.decode("latin-1").strip(),
            cookies="" if cookies is None else cookies.decode("latin-1"),
        )
        if MARK in path:
            return self._with_ticket(asked)
        if not isinstance(self._freshness, SqliteFreshness):
            return self._later(asked)
        if not fresh:
            return self._reply(asked, _UNREACHABLE)
        try:
            return self._reply(asked, self._freshness.load(self._judge.judge(asked)))
        except Unavailable:
            return self._reply(asked, _UNREACHABLE)

    async def _later(self, asked: Asked) -> bytes:
        return self._reply(asked, await self._outcome(asked))

    async def _outcome(self, asked: Asked) -> Outcome:
        try:
            if self._fresh() or await self._freshness.refresh():
                found = self._freshness.load(self._judge.judge(asked))
                return found if isinstance(found, Outcome) else await cast(Coroutine[None, None, Outcome], found)
        except Unavailable:
            pass
        return _UNREACHABLE

    async def _with_ticket(self, asked: Asked) -> bytes:
        """A navigation that ends in a ticket: it is redeemed and the address cleaned before the application sees it.

        nginx passes headers of an answer on only with a refusal, so even someone who may enter is refused once here,
        and comes back by the clean address.
        """
        split = without_ticket(asked.target)
        if split is None or not is_navigation(asked):
            return await self._later(asked)
        asked = replace(asked, target=split[0])
        outcome = await self._outcome(asked)
        served = outcome.served
        if served is None or not served.in_place or outcome.verdict not in (Verdict.ALLOW, Verdict.SIGN_IN):
            return self._reply(asked, outcome)
        now = self._judge.now()
        lines = [self._in_place.clean(served, asked, now)]
        if outcome.verdict is Verdict.SIGN_IN:
            try:
                seat = await self._in_place.redeem(served, asked, split[1], now)
            except Unavailable:
                return self._reply(asked, _UNREACHABLE)
            if seat is None:
                return self._reply(asked, outcome)
            lines.append(seat)
        self._count(asked, Verdict.SIGN_IN, "ticket")
        return answer(b"401 Unauthorized", *lines)

    def _reply(self, asked: Asked, outcome: Outcome) -> bytes:
        self._count(asked, outcome.verdict, outcome.reason)
        if outcome.answer:
            return outcome.answer
        navigation = is_navigation(asked)
        lines = [reason(outcome.reason)]
        served = outcome.served
        if outcome.verdict is Verdict.SIGN_IN and served is not None and served.in_place:
            lines += self._in_place.attempt(served, asked, outcome.reason, self._judge.now())
        return answer(dialects.nginx_status(outcome.verdict, navigation=navigation), *lines)

    def _count(self, asked: Asked, verdict: Verdict, code: str) -> None:
        self.counts[verdict] += 1
        if self._trace is not None:
            path = asked.target.partition(b"?")[0].decode("latin-1")
            self._trace(
                peer=asked.peer, host=asked.host_key, path=path, method=asked.method, verdict=verdict, reason=code
            )

    def _gate(self, dialect: str, secret: str, peer: str) -> bytes | None:
        """None if this peer may ask at this address; else the refusal."""
        if dialect not in dialects.KINDS:
            return answer(b"404 Not Found", reason("unknown_dialect"))
        if self._path_secrets:
            given = secret.encode("latin-1")
            genuine = False
            for expected in self._path_secrets:
                genuine |= hmac.compare_digest(expected, given)
            return None if genuine else self._refuse("path_secret_wrong", peer)
        if secret:
            return self._refuse("path_secret_wrong", peer)
        kind = self._kind_of(peer)
        if kind is None:
            # 401, so that the visitor reaches `start`, which names the address to declare.
            return self._refuse("peer_undeclared", peer, b"401 Unauthorized", b"X-Ostiary-Peer: " + peer.encode())
        return None if kind in dialects.KINDS[dialect] else self._refuse("peer_of_other_kind", peer)

    def _refuse(self, code: str, peer: str, status: bytes = b"403 Forbidden", *lines: bytes) -> bytes:
        self.counts[Verdict.REFUSED] += 1
        if self._trace is not None:
            self._trace(peer=peer, host="", path="", method="", verdict=Verdict.REFUSED, reason=code)
        if (code, peer) not in self._complained and len(self._complained) < _MOST_COMPLAINTS:
            # Once for each peer: what is wrong is the proxy's configuration, and it asks many times a second.
            self._complained.add((code, peer))
            _log.warning("check_refused", reason=code, peer=peer, advice=_ADVICE.get(code, _HEADERS_DIFFER))
        return answer(status, reason(code), *lines)


def _same_host(told: bytes, host: bytes) -> bool:
    """Whether X-Forwarded-Host names the host of X-Original-URL; nginx's ``$host`` leaves the port out."""
    if host.startswith(told + b":"):
        return True
    try:
        name, whole = fold_host(told.decode("utf-8").strip()), fold_host(host.decode("utf-8"))
    except (InvalidInput, UnicodeDecodeError):
        return False
    return whole == name or whole.startswith(name + ":")
