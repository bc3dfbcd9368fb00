"""Scores of names at addresses: looked at, and taken away so that somebody begins anew."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from ostiary.events.record import Actor
from ostiary.objects.kind import Caller, Fields, Filter, Integer, Kind, Shown, Words, equals
from ostiary.policies.models import ReputationScore
from ostiary.policies.reputation import Reputation
from ostiary.storage.session import Reading


class ReputationRequest(Fields):
    """Nothing can be set; sign-ins do."""


class ReputationShown(Shown):
    """``identifier`` is empty for names that nobody has; ``ip`` is an address, a network, or empty."""

    pk: str
    identifier: str
    ip: str
    ip_geo_data: dict[str, Any] | None
    ip_asn_data: dict[str, Any] | None
    score: int
    updated: datetime


ReputationShown.__name__ = ReputationShown.__qualname__ = "Reputation"


class ReputationScores(Kind):
    """Kind of scores."""

    words = Words("authentik_policies_reputation.reputation", "Reputation Score", "Reputation Scores")
    table = ReputationScore
    pk = ReputationScore.id
    key = ReputationScore.id
    fields = ReputationRequest
    shown: ClassVar[type[Shown]] = ReputationShown
    search = (ReputationScore.identifier, ReputationScore.ip)
    ordering: ClassVar = {
        "identifier": ReputationScore.identifier,
        "ip": ReputationScore.ip,
        "score": ReputationScore.score,
        "updated": ReputationScore.updated,
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "identifier": equals(ReputationScore.identifier),
        # Repeated, or parted by commas: no username holds one.
        "identifier_in": Filter(
            list[str],
            lambda values: ReputationScore.identifier.in_([one for value in values for one in value.split(",")]),
        ),
        "ip": equals(ReputationScore.ip),
        "score": equals(ReputationScore.score, Integer),
    }

    def __init__(self, reputation: Reputation) -> None:
        self._reputation = reputation

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [
            {
                "pk": row.id,
                "identifier": row.identifier,
                "ip": row.ip,
                "ip_geo_data": None,
                "ip_asn_data": None,
                "score": row.score,
                "updated": row.updated,
            }
            for row in rows
        ]

    async def delete(self, row: Any, by: Actor) -> None:
        await self._reputation.forget(row.id, by=by)
