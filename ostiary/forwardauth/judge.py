"""Judges one question: which application, which person, what verdict.

Written as a generator that asks the database only for what memory lacks, so that the same steps run in line on SQLite
and awaited on PostgreSQL.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ostiary.access.authorize import authorize
from ostiary.access.machines import Machine
from ostiary.access.served import Ambiguous, Load, Served
from ostiary.access.standings import Standings
from ostiary.access.table import AccessTable, Entry, Person
from ostiary.events.record import Actor
from ostiary.forwardauth import decide
from ostiary.forwardauth.assertion import Assertions
from ostiary.forwardauth.decide import Verdict
from ostiary.forwardauth.dialects.addresses import OWN_PATHS
from ostiary.forwardauth.handoff import origin_of
from ostiary.forwardauth.headers import LARGEST, Unsaid, anonymous, answer, basic_credentials, identity
from ostiary.forwardauth.identify import Identify
from ostiary.forwardauth.machines import Machines, Wanted
from ostiary.forwardauth.refusals import Refusal, Refusals
from ostiary.forwardauth.wire import Asked, is_preflight, visitor
from ostiary.kit.clock import Clock
from ostiary.kit.proxies import Proxies
from ostiary.kit.urls import canonical_path
from ostiary.policies.engine import Decision, Question, Result, Standing


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict with its stable reason; ``answer`` is the whole answer of an allow, and ``private`` the header lines
    that belong to it only where the visitor's own scripts cannot ask: at an address with a path secret.

    ``by_machine``: the Authorization header said who it is, and is not the application's. ``wanted`` is the address of
    a key set without which nothing can be said yet.
    """

    verdict: Verdict
    reason: str
    served: Served | None = None
    answer: bytes = b""
    private: bytes = b""
    by_machine: bool = False
    wanted: str = ""


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
        self,
        *,
        table: AccessTable,
        identify: Identify,
        machines: Machines,
        refusals: Refusals,
        proxies: Proxies,
        clock: Clock,
    ) -> None:
        self._table = table
        self._identify = identify
        self.use = identify.use
        self._machines = machines
        self._refusals = refusals
        self._proxies = proxies
        self._clock = clock
        self._assertions = Assertions(table=table)
        self._standings = Standings()
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
            doors = [door for door in rules.at(asked.host_key) if door.rules is not None]
            if doors and all(door.headers.readable for door in doors):
                # Whichever of the host's applications this reaches, none of them is told of anybody.
                ready = anonymous(*(door.headers for door in doors))
                return Outcome(Verdict.ALLOW, "own_path", doors[0], ready)
        try:
            served = rules.find(asked.host_key, asked.target)
        except Ambiguous:
            return Outcome(Verdict.REFUSED, "ambiguous_path")
        if served is None or served.rules is None:
            return Outcome(Verdict.UNKNOWN_HOST, "unknown_host")
        entry = yield from self._identify.session(served, asked.host_key, asked.cookies, now)
        if not isinstance(entry, str):
            person = entry.login.person
            standing = yield from self.standing(served, person, visitor(asked, self._proxies))
            return self._entering(asked, served, person, entry, entry.login.id, version, now, standing)
        # The cookie decides first. Only without a session does a machine's credential count, and then it counts alone.
        authorization = None if served.machines is None else asked.authorization
        if authorization is None:
            return self._unless_open(asked, Outcome(Verdict.SIGN_IN, entry, served))
        client_ip = visitor(asked, self._proxies)
        machine = yield from self._machines.identify(served, authorization, client_ip, now)
        if isinstance(machine, Wanted):
            return Outcome(Verdict.UNDECIDABLE, "issuer_keys", served, wanted=machine.uri)
        if machine is None:
            return self._unless_open(asked, Outcome(Verdict.SIGN_IN, entry, served))
        if machine.served is served and machine.version == version and machine.since <= now < machine.until:
            return Outcome(Verdict.ALLOW, "allowed", served, machine.answer, machine.private, by_machine=True)
        standing = yield from self.standing(served, machine.person, client_ip)
        return self._entering(asked, served, machine.person, machine, machine.name, version, now, standing)

    def standing(self, served: Served, person: Person, client_ip: str) -> Load[Standing | None]:
        """What somebody has earned at sign-in, where the application's rules ask for it; else None."""
        if served.rules is None or not served.rules.wants_standing:
            return None
        return (yield from self._standings.of(person.subject.user_id, client_ip, self.now()))

    def _entering(
        self,
        asked: Asked,
        served: Served,
        person: Person,
        kept: Entry | Machine,
        login_id: str,
        version: int,
        now: datetime,
        standing: Standing | None,
    ) -> Outcome:
        """What comes of somebody we know; an answer that no request could change is kept with what they came with.

        ``version`` is the table's from before anything was looked up.
        """
        if not self._assertions.ready(served):
            return Outcome(Verdict.UNDECIDABLE, "no_signing_key")
        table, by_machine = self._table, isinstance(kept, Machine)
        client_ip = visitor(asked, self._proxies)
        opinion = self.opinion(
            served,
            person,
            host=asked.host_key,
            target=asked.target,
            method=asked.method,
            client_ip=client_ip,
            standing=standing,
        )
        if opinion.refusal is not None:
            refused = Outcome(Verdict.FORBIDDEN, opinion.refusal, served, by_machine=by_machine)
            outcome = self._unless_open(asked, refused)
            if outcome is refused:
                by = kept.login.actor(client_ip) if isinstance(kept, Entry) else person.actor(client_ip)
                self.note(served, login_id, by, asked.host_key, opinion)
            return outcome
        decision, ready = opinion.decision, opinion.answer
        if not decision.volatile and table.version == version and self._is_held(kept):
            kept.answer, kept.served, kept.version, kept.since = ready, served, version, now
            kept.private = opinion.private
            until = kept.ends if isinstance(kept, Machine) else self._identify.until(kept)
            kept.until = min(moment for moment in (until, decision.expires, opinion.until) if moment is not None)
            if asked.host_key.encode() not in table.rules.by_path:
                table.rules.meet(asked.host, served)
        return Outcome(Verdict.ALLOW, "allowed", served, ready, opinion.private, by_machine=by_machine)

    def _is_held(self, kept: Entry | Machine) -> bool:
        if isinstance(kept, Machine):
            return self._machines.holds(kept)
        return self._table.entries.get(kept.key) is kept

    def _unless_open(self, asked: Asked, outcome: Outcome) -> Outcome:
        """The outcome, unless anybody may open what is asked for: then they pass as nobody."""
        served = outcome.served
        if served is None or not served.doors or asked.target is None:
            return outcome
        if served.rules is None or not served.rules.enabled or not served.headers.readable:
            # What is disabled has no open side; and where it is unknown what names somebody, nobody passes as nobody.
            return outcome
        path = canonical_path(asked.target)
        if served.doors.is_open(origin_of(served, asked.host_key), path):
            return Outcome(Verdict.ALLOW, "open_path", served, anonymous(served.headers), by_machine=outcome.by_machine)
        if served.doors.preflight and path is not None and is_preflight(asked):
            return Outcome(Verdict.ALLOW, "preflight", served, anonymous(served.headers), by_machine=outcome.by_machine)
        return outcome

    def opinion(
        self,
        served: Served,
        person: Person,
        *,
        host: str,
        target: bytes | None,
        method: str,
        client_ip: str,
        standing: Standing | None,
    ) -> Opinion:
        """May this person open that address? The same words for a check and for the page that explains one.

        Without a target, where the proxy tells none, no rule that looks at the path can allow.
        """
        rules = served.rules
        if rules is None:
            raise ValueError("a provider without an application opens to nobody")
        path = None if target is None else canonical_path(target)
        question = Question(self.now(), host, method, path or "", client_ip, standing)
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

    def note(self, served: Served, login_id: str, by: Actor, host: str, opinion: Opinion) -> None:
        """Keeps the refusal of somebody we know for the audit log."""
        self._refusals.note(
            Refusal(
                login_id=login_id,
                by=by,
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
