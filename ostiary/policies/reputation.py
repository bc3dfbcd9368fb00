"""Reputation: what names and addresses earn at sign-in, and policies about it.

Each failed sign-in takes one from the score of its name at its address, each successful one adds one, within the
limits of the administrators' settings; a score that nothing touches for a day is forgotten. A policy passes when the
sum of the scores is **at most** its threshold, as authentik has it: it picks out the suspicious, so that a stage for
them alone can be bound with it, and is negated to let in only others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, literal, text
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.directory.credentials import Attempt
from ostiary.directory.lockout import UNREADABLE, network_of
from ostiary.directory.models import User
from ostiary.directory.usernames import folded
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import NotFound
from ostiary.kit.expressions import Failed
from ostiary.policies import fields
from ostiary.policies.engine import Standing
from ostiary.policies.fields import Fields
from ostiary.policies.models import ReputationScore
from ostiary.storage.base import Instant
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Reading, Writing
from ostiary.system.registry import current

LIFETIME: Final = timedelta(seconds=86_400)
ROOM: Final = "policies"
_PURPOSE = "reputation"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1

FIELDS: Final = Fields(
    check_ip=(True, fields.flag),
    check_username=(True, fields.flag),
    threshold=(-5, fields.number(_SMALLEST, _LARGEST)),
)


@dataclass(frozen=True, kw_only=True)
class ReputationPolicy:
    """The policy as something that bindings ask. Scores change with every sign-in, so its answers are never kept."""

    check_ip: bool
    check_username: bool
    threshold: int
    volatile: bool = True
    reads: frozenset[str] = frozenset({"standing"})

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> "ReputationPolicy":
        """From a stored configuration."""
        return cls(**FIELDS.complete(config))

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Whether the sum is at most the threshold. Raises `Failed` where nobody knows it."""
        standing: Standing | None = values["standing"]
        if standing is None:
            raise Failed("the reputation is not known here")
        if not self.check_ip and not self.check_username:
            raise Failed("it asks neither for the name nor for the address")
        if self.check_ip and standing.address is None:
            raise Failed("the visitor's address is not known here")
        if not self.check_ip and standing.name is None:
            raise Failed("the visitor's name is not known here")
        total = (standing.address or 0) if self.check_ip else 0
        total += (standing.name or 0) if self.check_username else 0
        # A score of this name at this address counts once.
        total -= standing.both if self.check_ip and self.check_username else 0
        return total <= self.threshold


class Reputation:
    """Keeps the scores."""

    def __init__(self, *, database: Database, clock: Clock, secrets: Secrets) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets

    async def attempted(self, w: Writing, user: User | None, typed: str, attempt: Attempt, good: bool) -> None:
        """Counts one sign-in, in its own transaction."""
        # Behind an undeclared proxy, the address is everybody's.
        address = None if attempt.shared_peer else attempt.client_ip
        limits = await current(w)
        low, high = limits.reputation_lower_limit, limits.reputation_upper_limit
        step, now = (1 if good else -1), self._clock.now()
        insert = postgresql.insert if w.get_bind().dialect.name == "postgresql" else sqlite.insert
        row = ReputationScore
        raised: ColumnElement[int] = case((row.expires <= literal(now, Instant()), 0), else_=row.score) + step
        values = {
            "identifier": user.username if user is not None else "",
            "updated": now,
            "expires": now + LIFETIME,
        }
        statement = insert(row).values(
            subject=self.subject(user, typed), ip=network(address), score=min(max(step, low), high), **values
        )
        await w.execute(
            statement.on_conflict_do_update(
                index_elements=[row.subject, row.ip],
                set_={"score": case((raised < low, low), (raised > high, high), else_=raised), **values},
            )
        )

    async def forget(self, score_id: str, *, by: Actor) -> None:
        """Takes a score away, so that a name begins anew at an address."""
        async with self._database.writing() as w:
            score = await w.get(ReputationScore, score_id)
            if score is None:
                raise NotFound("reputation.not_found", "There is no such score.")
            await w.delete(score)
            about = {"name": score.identifier, "ip": score.ip, "score": score.score}
            await record(w, self._clock, Action.MODEL_DELETED, ROOM, by, model="reputation", **about)

    def subject(self, user: User | None, typed: str) -> str:
        """The key of a name: the account, or what nobody has."""
        if user is not None:
            return of_user(user.id)
        return self._secrets.hash(_PURPOSE, folded(typed).encode("utf-8", "replace"))


STANDING: Final = """
SELECT coalesce(sum(CASE WHEN subject = ? THEN score END), 0), coalesce(sum(CASE WHEN ip = ? THEN score END), 0),
       coalesce(sum(CASE WHEN subject = ? AND ip = ? THEN score END), 0)
FROM reputation_scores WHERE (subject = ? OR ip = ?) AND expires > ?
"""
"""What `read_standing` reads, with the parameters that `asked_for` makes."""


def asked_for(subject: str, address: str | None, now: datetime) -> tuple[Any, ...]:
    """The parameters of ``STANDING``."""
    ip = network(address)
    return subject, ip, subject, ip, subject, ip, (now - _EPOCH) // timedelta(microseconds=1)


def read_standing(row: Sequence[Any], subject: str, address: str | None) -> Standing:
    """From a row of ``STANDING``."""
    name, there, both = (int(total) for total in row)
    known = bool(subject), bool(network(address))
    return Standing(name if known[0] else None, there if known[1] else None, both if all(known) else 0)


async def standing_of(r: Reading, subject: str, address: str | None, now: datetime) -> Standing:
    """What this subject and this address have earned."""
    names = [f"p{number}" for number in range(STANDING.count("?"))]
    statement = STANDING
    for name in names:
        statement = statement.replace("?", f":{name}", 1)
    values = dict(zip(names, asked_for(subject, address, now), strict=True))
    return read_standing((await r.execute(text(statement), values)).one(), subject, address)


def of_user(user_id: int) -> str:
    """The key of an account."""
    return f"user:{user_id}"


def network(address: str | None) -> str:
    """The key of an address: itself, or in IPv6 the network that one house has; empty for none that can be read."""
    found = network_of(address)
    return "" if found == UNREADABLE else found
