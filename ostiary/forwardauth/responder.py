"""The check: one question of a proxy in, one whole answer out.

`Responder.answer` is the hot path. It is plain and synchronous, writes nothing, logs nothing, and for a session it has
judged before returns the bytes it kept. Everything that memory cannot tell goes to the judge.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final, Protocol, cast

from ostiary.access.freshness import Freshness, SqliteFreshness
from ostiary.access.served import Served
from ostiary.access.table import AccessTable, Entry
from ostiary.forwardauth.complaints import Complaints
from ostiary.forwardauth.decide import Verdict
from ostiary.forwardauth.dialects.addresses import ABOVE_OWN, PREFIXES, Endpoint, auth_endpoint, below_auth
from ostiary.forwardauth.dialects.dialect import Dialect
from ostiary.forwardauth.dialects.known import DIALECTS, spoken
from ostiary.forwardauth.dialects.lines import OWS, Refused, header
from ostiary.forwardauth.headers import answer
from ostiary.forwardauth.identify import TOUCH
from ostiary.forwardauth.judge import Judge, Outcome
from ostiary.forwardauth.path_secrets import PathSecrets
from ostiary.forwardauth.replies import Replies, allowed, misasked
from ostiary.forwardauth.tickets import MARK, without_ticket
from ostiary.forwardauth.wire import Asked, is_navigation
from ostiary.kit.errors import InvalidInput, Unavailable
from ostiary.kit.proxies import Proxies
from ostiary.kit.urls import MAX_URL, canonical_path, parse_original_url

# What no address holds; a fragment above all, since a server that cuts at it sees another path.
_NO_ADDRESS = bytes(range(0x21)) + b"\x7f#"
_SCHEMES: Final[Mapping[bytes, bytes]] = {b"https": b"https", b"http": b"http", b"wss": b"https", b"ws": b"http"}
# Key sets that one check waits for, each for another issuer.
_MOST_FETCHED = 3
_HEADERS_DIFFER = "a check's headers contradict each other, or a visitor forged some; see how a check is decided"
_ADVICE: Final[Mapping[str, str]] = {
    "unknown_dialect": "ask at /ostiary/auth/ followed by one of " + ", ".join(sorted(DIALECTS)),
    "peer_undeclared": "add this address, or its network, to the setting proxies",
    "peer_of_other_kind": "this peer is declared with a kind that does not use this address",
    "path_secret_wrong": "ask at an address with a path secret that is in force",
    "no_original_url": "have nginx set X-Original-URL to $scheme://$http_host$request_uri; if this peer is Traefik's"
    " ingress-nginx provider, declare it in the setting proxies with kind traefik",
    "no_forwarded_header": "the proxy has to send X-Forwarded-Proto, -Host, -Uri and -Method",
    "original_url_through_traefik": "a visitor sent X-Original-* or X-Sent-From, or this peer is no Traefik",
    "no_path": "the proxy has to append the visitor's path to this address",
    "no_path_header": "the proxy has to send Host, Path and Method",
    "no_forwarded_host": "the proxy has to send X-Forwarded-Host and X-Forwarded-Proto",
}
_UNREACHABLE = Outcome(Verdict.UNDECIDABLE, "database_unreachable")


_Bare = tuple[Dialect, str, bytes]
"""An address without a path secret: whose question it takes, its prefix, and what follows."""


class Trace(Protocol):
    """Told of every check while tracing is on: what was asked and what it came to, never a cookie or a query."""

    def __call__(self, *, peer: str, host: str, path: str, method: str, verdict: str, reason: str) -> None: ...


class InPlace(Protocol):
    """How a provider without a route on its application's host brings people back: through the check itself."""

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
        replies: Replies,
        in_place: InPlace,
        proxies: Proxies,
        now: Callable[[], datetime],
        path_secrets: PathSecrets,
        fetch_keys: Callable[[str], Awaitable[None]],
        trace: Trace | None = None,
    ) -> None:
        self._table = table
        self._freshness = freshness
        self._fresh = freshness.fresh
        self._judge = judge
        self._replies = replies
        self._in_place = in_place
        self._kind_of = proxies.kind_of
        self._now = now
        self._path_secrets = path_secrets
        self._fetch_keys = fetch_keys
        self._trace = trace
        addresses = {
            f"{prefix}/auth/{name}".encode(): (dialect, prefix, b"")
            for prefix in PREFIXES
            for name, dialect in DIALECTS.items()
        }
        self._bare: dict[bytes, _Bare] = {at: bare for at, bare in addresses.items() if not bare[0].extends}
        self._extended = tuple((at + b"/", bare) for at, bare in addresses.items() if bare[0].extends)
        self._sign_in = answer(b"401 Unauthorized")
        self.counts = dict.fromkeys(Verdict, 0)
        """How many checks came to each verdict, apart from ``remembered``; read when metrics are scraped."""
        self._complaints = Complaints()
        self.remembered = 0
        """How many were allowed from memory."""

    def answer(
        self, head: bytes, method: bytes, target: bytes, peer: str, *, declared: bool = False
    ) -> bytes | Awaitable[bytes] | None:
        """The answer to one question; None if the target is none of the auth endpoints.

        ``head`` is a whole, well-formed request head; what ``method`` and the rest of ``target`` mean is the dialect's.
        ``declared``: it did not come by a URL that could carry a path secret, so the peer's address alone counts.
        """
        bare = self._bare.get(target)
        if bare is None:
            if not below_auth(target):
                return None
            bare = self._longer(target)
        if self._fresh():
            return self._heard(head, method, target, peer, bare, declared=declared, fresh=True)
        if isinstance(self._freshness, SqliteFreshness):
            return self._heard(head, method, target, peer, bare, declared=declared, fresh=False)
        return self._refreshed(head, method, target, peer, bare, declared=declared)

    def _longer(self, target: bytes) -> _Bare | None:
        """A bare address with something behind it: the visitor's path where a dialect expects it, or a query."""
        for above, (dialect, prefix, _) in self._extended:
            if target.startswith(above):
                return dialect, prefix, target[len(above) - 1 :]
        address, mark, query = target.partition(b"?")
        found = self._bare.get(address) if mark else None
        return None if found is None else (found[0], found[1], mark + query)

    async def _refreshed(
        self, head: bytes, method: bytes, target: bytes, peer: str, bare: _Bare | None, *, declared: bool
    ) -> bytes:
        """The same once the table may be believed again: it also says which path secrets are in force."""
        fresh = await self._freshness.refresh()
        found = self._heard(head, method, target, peer, bare, declared=declared, fresh=fresh)
        return found if isinstance(found, bytes) else await found

    def _heard(
        self,
        head: bytes,
        method: bytes,
        target: bytes,
        peer: str,
        bare: _Bare | None,
        *,
        declared: bool,
        fresh: bool,
    ) -> bytes | Awaitable[bytes]:
        if (
            bare is not None
            and not self._path_secrets.configured
            and not self._table.rules.path_secrets
            and self._kind_of(peer) in bare[0].kinds
        ):
            dialect, prefix, rest = bare
            by_secret = False
        else:
            endpoint = auth_endpoint(target)
            if endpoint is None:
                return self._misasked(DIALECTS["nginx"], "unknown_dialect", peer, method, b"404 Not Found")
            gated = self._gate(endpoint, peer, method, declared=declared, fresh=fresh)
            if isinstance(gated, bytes):
                return gated
            dialect, prefix, rest = gated, endpoint.prefix, endpoint.rest
            by_secret = endpoint.secret is not None
        try:
            scheme, host, path, asked_method, cookies = dialect.read(head, method, rest)
        except Refused as refused:
            return self._misasked(dialect, refused.reason, peer, method)

        if path is not None and fresh and self._trace is None:
            kept = self._from_memory(dialect, scheme, host, path, cookies, head if by_secret else None)
            if kept is not None:
                return kept

        if b"/" in host or not host.isascii() or (path is not None and path[:1] != b"/"):
            # Put together they would be another host, or another path, than the proxy has in front of it. And a name
            # that we had to translate is not the one by which the proxy chose an application; browsers send A-labels.
            return self._misasked(dialect, "url.malformed", peer, method)
        try:
            parsed = parse_original_url(
                _SCHEMES.get(scheme, scheme) + b"://" + host + (b"/" if path is None else path.rstrip(OWS))
            )
        except InvalidInput as error:
            return self._misasked(dialect, error.code, peer, method)
        asked = Asked(
            dialect=dialect,
            prefix=prefix,
            by_secret=by_secret,
            peer=peer,
            head=head,
            scheme=parsed.scheme,
            host=host,
            host_key=parsed.host_key,
            target=None if path is None else parsed.target,
            method="" if asked_method is None else asked_method.decode("latin-1").strip(),
            cookies="" if cookies is None else cookies.decode("latin-1"),
        )
        if not fresh:
            return self._reply(asked, _UNREACHABLE)
        if path is not None and MARK in path:
            return self._with_ticket(asked)
        if not isinstance(self._freshness, SqliteFreshness):
            return self._later(asked)
        try:
            outcome = self._freshness.load(self._judge.judge(asked))
        except Unavailable:
            return self._reply(asked, _UNREACHABLE)
        return self._later(asked) if outcome.wanted else self._reply(asked, outcome)

    def _from_memory(
        self, dialect: Dialect, scheme: bytes, host: bytes, path: bytes, cookies: bytes | None, told: bytes | None
    ) -> bytes | None:
        """The answer that is known already, for what can be read in one way only; None: the judge has to look.

        ``told`` is the head of a question that showed a path secret.
        """
        table = self._table
        rules = table.rules
        served = rules.by_host.get(host) or rules.met.get(host)
        if served is None:
            doors = rules.by_path.get(host)
            canonical = None if doors is None else canonical_path(path)
            served = None if doors is None or canonical is None else doors.find(canonical)
        if (
            served is None
            or served.rules is None
            or rules.base_url is None
            or scheme not in _SCHEMES
            or not host
            or path[:1] != b"/"
            or len(path) + len(host) > MAX_URL
            or len(path.translate(None, _NO_ADDRESS)) != len(path)
            or path.startswith(ABOVE_OWN)
            or (served.in_place and MARK in path)
        ):
            return None
        prefix = served.cookie_prefix
        at = -1 if cookies is None else cookies.find(prefix)
        if at < 0:
            if served.cookie_only and not dialect.redirects:
                self.counts[Verdict.SIGN_IN] += 1
                return self._sign_in
            return None
        if cookies is None or cookies.find(prefix, at + 1) >= 0 or (at and cookies[at - 1] not in b" ;"):
            return None
        at += len(prefix)
        end = cookies.find(b";", at)
        entry: Entry | None = table.entries.get(sha256(cookies[at:] if end < 0 else cookies[at:end]).digest())
        if (
            entry is None
            or entry.served is not served
            or entry.version != table.version
            or not entry.since <= (now := self._now()) < entry.until
        ):
            return None
        if now - entry.login.last_used >= TOUCH:
            self._judge.use(entry.login, now)
        self.remembered += 1
        if told is not None and served.answers_authorization:
            own = header(told, b"authorization")
            return allowed(
                entry.answer, entry.private, served, dialect, by_secret=True, by_machine=False, authorization=own
            )
        return entry.answer[:-2] + served.removal if dialect.removes else entry.answer

    async def _later(self, asked: Asked) -> bytes:
        return self._reply(asked, await self._outcome(asked))

    async def _outcome(self, asked: Asked) -> Outcome:
        outcome = await self._judged(asked)
        for _ in range(_MOST_FETCHED):
            if not outcome.wanted:
                break
            await self._fetch_keys(outcome.wanted)
            outcome = await self._judged(asked)
        return outcome

    async def _judged(self, asked: Asked) -> Outcome:
        try:
            if self._fresh() or await self._freshness.refresh():
                found = self._freshness.load(self._judge.judge(asked))
                return found if isinstance(found, Outcome) else await cast(Coroutine[None, None, Outcome], found)
        except Unavailable:
            pass
        return _UNREACHABLE

    async def _with_ticket(self, asked: Asked) -> bytes:
        """A navigation that ends in a ticket: it is redeemed and the address cleaned before the application sees it.

        Proxies pass headers of an answer on only with a refusal, so even someone who may enter is refused once here,
        and comes back by the clean address.
        """
        split = without_ticket(asked.target or b"")
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
        return answer(b"302 Found" if asked.dialect.redirects else b"401 Unauthorized", *lines)

    def _reply(self, asked: Asked, outcome: Outcome) -> bytes:
        self._count(asked, outcome.verdict, outcome.reason)
        if outcome.verdict is Verdict.ALLOW and outcome.answer:
            if outcome.served is None:
                return outcome.answer
            return allowed(
                outcome.answer,
                outcome.private,
                outcome.served,
                asked.dialect,
                by_secret=asked.by_secret,
                by_machine=outcome.by_machine,
                authorization=asked.authorization if asked.by_secret else None,
            )
        return self._replies.refusal(asked, outcome, self._table.rules.base_url, self._judge.now())

    def _count(self, asked: Asked, verdict: Verdict, code: str) -> None:
        self.counts[verdict] += 1
        if self._trace is not None:
            path = (asked.target or b"").partition(b"?")[0].decode("latin-1")
            self._trace(
                peer=asked.peer, host=asked.host_key, path=path, method=asked.method, verdict=verdict, reason=code
            )

    def _gate(self, endpoint: Endpoint, peer: str, method: bytes, *, declared: bool, fresh: bool) -> Dialect | bytes:
        """The dialect that this peer may speak at this address; else the refusal."""
        kind = self._kind_of(peer)
        dialect = spoken(endpoint.dialect, kind)
        if dialect is None or (endpoint.rest[:1] == b"/" and not dialect.extends):
            return self._misasked(DIALECTS["nginx"], "unknown_dialect", peer, method, b"404 Not Found")
        rules, now = self._table.rules, self._judge.now()
        if endpoint.secret is not None:
            # With a table that cannot be believed nothing is allowed anyway; it is no word against the secret either.
            if not fresh or self._path_secrets.genuine(rules, endpoint.secret, now):
                return dialect
            return self._misasked(dialect, "path_secret_wrong", peer, method)
        if not declared and self._path_secrets.demanded(rules, now):
            return self._misasked(dialect, "path_secret_wrong", peer, method)
        if kind is None:
            # 401, so that where nginx asks the visitor reaches `start`, which names the address to declare.
            status = b"403 Forbidden" if dialect.redirects else b"401 Unauthorized"
            return self._misasked(dialect, "peer_undeclared", peer, method, status, b"X-Ostiary-Peer: " + peer.encode())
        return dialect if kind in dialect.kinds else self._misasked(dialect, "peer_of_other_kind", peer, method)

    def _misasked(
        self, dialect: Dialect, code: str, peer: str, method: bytes, status: bytes = b"403 Forbidden", *lines: bytes
    ) -> bytes:
        self.counts[Verdict.REFUSED] += 1
        if self._trace is not None:
            self._trace(peer=peer, host="", path="", method="", verdict=Verdict.REFUSED, reason=code)
        advice = _ADVICE.get(code, _HEADERS_DIFFER)
        self._complaints.tell(code, peer, advice=advice)
        return misasked(dialect, code, advice, status, *lines, silent=method == b"HEAD")
