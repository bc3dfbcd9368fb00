"""Judges one question: which application, which person, what verdict.

Written as a generator that asks the database only for what memory lacks, so that the same steps run in line on SQLite
and awaited on PostgreSQL.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ostiary.access.authorize import authorize
from ostiary.access.served import Ambiguous, Load, Served
from ostiary.access.table import AccessTable, Person
from ostiary.forwardauth import decide
from ostiary.forwardauth.assertion import Assertions
from ostiary.forwardauth.decide import Verdict
from ostiary.forwardauth.dialects.addresses import OWN_PATHS
from ostiary.forwardauth.headers import LARGEST, Unsaid, anonymous, answer, basic_credentials, identity
from ostiary.forwardauth.identify import Identify
from ostiary.forwardauth.refusals import Refusal, Refusals
from ostiary.forwardauth.wire import Asked, is_preflight, visitor
from ostiary.kit.clock import Clock
from ostiary.kit.proxies import Proxies
from ostiary.kit.urls import canonical_path
from ostiary.policies.engine import Decision, Question, Result


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict with its stable reason; ``answer`` is the whole answer of an allow, and ``private`` the header lines
    that belong to it only where the visitor's own scripts cannot ask: at an address with a path secret."""

    verdict: Verdict
    reason: str
    served: Served | None = None
    answer: bytes = b""
    private: bytes = b""


@dataclass(frozen=True, slots=True)
class Opinion:
    """``refusal`` is None for an allow, whose whole answer is ``answer``, good until ``until`` if that is a moment.

    ``private`` is as in `Outcome`; ``unsaid`` tells administrators why somebody could not be named to the application.
    """

    refusal: str | None
    decision: Decision
    answer: bytes
    until: datetime | None = None
    private: bytes = b""
    unsaid: str = ""


class Judge:
    """One per worker."""

    def __init__(
        self, *, table: AccessTable, identify: Identify, refusals: Refusals, proxies: Proxies, clock: Clock
    ) -> None:
        self._table = table
        self._identify = identify
        self._refusals = refusals
        self._proxies = proxies
        self._clock = clock
        self._assertions = Assertions(table=table)
        self._started = clock.now(), clock.monotonic()

    def now(self) -> datetime:
        """The present; a wall clock that was set back does not bring back what has ended."""
        wall, monotonic = self._started
        return max(self._clock.now(), wall + timedelta(seconds=self._clock.monotonic() - monotonic))

    def judge(self, asked: Asked) -> Load[Outcome]:
        """The outcome of a question. The table must be fresh when this begins."""
        table = self._table
        rules, version, now = table.rules, table.version, self.now()
        if rules.base_url is None:
            return Outcome(Verdict.UNDECIDABLE, "base_url_unset")
        if asked.target is not None and asked.target.partition(b"?")[0] in OWN_PATHS:
            for door in rules.at(asked.host_key):
                if door.rules is not None:
                    return Outcome(Verdict.ALLOW, "own_path", door, anonymous(door.headers))
        try:
            served = rules.find(asked.host_key, asked.target)
        except Ambiguous:
            return Outcome(Verdict.REFUSED, "ambiguous_path")
        if served is None or served.rules is None:
            return Outcome(Verdict.UNKNOWN_HOST, "unknown_host")
        entry = yield from self._identify.session(served, asked.host_key, asked.cookies, now)
        if isinstance(entry, str):
            return self._unless_open(asked, Outcome(Verdict.SIGN_IN, entry, served))
        if not self._assertions.ready(served):
            return Outcome(Verdict.UNDECIDABLE, "no_signing_key")
        client_ip = visitor(asked.head, asked.peer, self._proxies)
        opinion = self.opinion(
            served,
            entry.login.person,
            host=asked.host_key,
            target=asked.target,
            method=asked.method,
            client_ip=client_ip,
        )
        if opinion.refusal is not None:
            refused = Outcome(Verdict.FORBIDDEN, opinion.refusal, served)
            outcome = self._unless_open(asked, refused)
            if outcome is not refused:
                return outcome
            self.note(served, entry.login.id, entry.login.person, asked.host_key, client_ip, opinion)
            return refused
        decision, ready = opinion.decision, opinion.answer
        if not decision.volatile and table.version == version and table.entries.get(entry.key) is entry:
            until = self._identify.until(entry)
            entry.answer, entry.served, entry.version, entry.since = ready, served, version, now
            entry.private = opinion.private
            entry.until = min(moment for moment in (until, decision.expires, opinion.until) if moment is not None)
            if asked.host_key.encode() not in rules.by_path:
                rules.meet(asked.host, served)
        return Outcome(Verdict.ALLOW, "allowed", served, ready, opinion.private)

    def _unless_open(self, asked: Asked, outcome: Outcome) -> Outcome:
        """The outcome, unless anybody may open what is asked for: then they pass as nobody."""
        served = outcome.served
        if served is None or not served.doors or asked.target is None:
            return outcome
        path = canonical_path(asked.target)
        if served.doors.is_open(f"{asked.scheme}://{asked.host_key}", path):
            return Outcome(Verdict.ALLOW, "open_path", served, anonymous(served.headers))
        if served.doors.preflight and path is not None and is_preflight(asked):
            return Outcome(Verdict.ALLOW, "preflight", served, anonymous(served.headers))
        return outcome

    def opinion(
        self, served: Served, person: Person, *, host: str, target: bytes | None, method: str, client_ip: str
    ) -> Opinion:
        """May this person open that address? The same words for a check and for the page that explains one.

        Without a target, where the proxy tells none, no rule that looks at the path can allow.
        """
        rules = served.rules
        if rules is None:
            raise ValueError("a provider without an application opens to nobody")
        path = None if target is None else canonical_path(target)
        question = Question(now=self.now(), host=host, method=method, path=path or "", client_ip=client_ip)
        decision = authorize(rules, person.subject, question)
        refusal = decide.refusal(decision, path)
        if refusal is not None:
            return Opinion(refusal, decision, b"")
        lines = identity(served, person)
        if isinstance(lines, Unsaid):
            return Opinion(lines.code, decision, b"", unsaid=lines.why)
        assertion, until = self._assertions.line(served, person, question.now)
        ready = answer(b"200 OK", *lines, assertion)
        credentials = basic_credentials(served.headers, person)
        private = b"" if credentials is None else b"Authorization: " + credentials + b"\r\n"
        if len(ready) + len(private) > LARGEST:
            return Opinion("identity_too_large", decision, b"")
        return Opinion(None, decision, ready, until, private)

    def note(self, served: Served, login_id: str, person: Person, host: str, client_ip: str, opinion: Opinion) -> None:
        """Keeps the refusal of somebody we know for the audit log."""
        self._refusals.note(
            Refusal(
                login_id=login_id,
                user_id=person.subject.user_id,
                username=person.subject.username,
                client_ip=client_ip,
                application=served.rules.slug if served.rules else "",
                host=host,
                reason=opinion.refusal or "",
                rules=(
                    *(part.text for part in opinion.decision.reasons if part.result is not Result.FOR),
                    *((opinion.unsaid,) if opinion.unsaid else ()),
                ),
                erred=tuple(part.text for part in opinion.decision.reasons if part.result is Result.ERROR),
            )
        )
