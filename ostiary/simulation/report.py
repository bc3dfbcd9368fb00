"""What a rehearsal found, as JSON and as words for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ostiary.access.rehearsal import Rehearsal
from ostiary.access.simulation import Access, Count, Difference, Side
from ostiary.policies.engine import Reason, Result

Report = Mapping[str, Any]
"""``people`` (how many were looked at), ``gains``, ``loses``, ``unclear`` (people), ``applications``, ``differences``,
``anybody``, ``truncated``; see `report`."""

_MAY: Final[Mapping[str, str]] = {"no": "may not", "depends": "depends", "yes": "may"}
_MOST_REASONS: Final = 2


def report(rehearsal: Rehearsal, people: int) -> dict[str, Any]:
    """Everything as JSON values, ordered by application and username."""
    simulation = rehearsal.simulation
    slugs = {key: one.slug for key, one in rehearsal.applications.items()}
    return {
        "people": people,
        **_count(simulation.people),
        "applications": [
            {"pk": key, "slug": slugs[key], "name": rehearsal.applications[key].name, **_count(count)}
            for key, count in sorted(simulation.applications.items(), key=lambda item: slugs[item[0]])
        ],
        "differences": sorted(
            (_difference(one, rehearsal) for one in simulation.differences),
            key=lambda one: (one["application"], one["username"]),
        ),
        "anybody": [
            {"application": slugs[key], "opens": sorted(after - before), "closes": sorted(before - after)}
            for key, (before, after) in sorted(rehearsal.doors.items(), key=lambda item: slugs[item[0]])
        ],
        "truncated": simulation.truncated,
    }


def changes(found: Report) -> bool:
    """Whether anybody's access changes, or might."""
    return bool(found["gains"] or found["loses"] or found["unclear"] or found["anybody"])


def summary(found: Report) -> str:
    """One line, such as ``access: 3 gain, 1 loses, of 120 people``."""
    if not changes(found):
        return f"access: nobody gains or loses any, of {found['people']} people"
    gains, loses, unclear = found["gains"], found["loses"], found["unclear"]
    parts = [f"{gains} {'gains' if gains == 1 else 'gain'}", f"{loses} {'loses' if loses == 1 else 'lose'}"]
    if unclear:
        parts.append(f"{unclear} depend{'s' if unclear == 1 else ''} on the request")
    if found["anybody"]:
        parts.append(f"what is open to anybody changes at {len(found['anybody'])}")
    return f"access: {', '.join(parts)}, of {found['people']} people"


def rows(found: Report) -> Iterator[Sequence[str]]:
    """Application, person, before → after, reason of each difference."""
    for one in found["differences"]:
        turn = f"{_MAY[one['before']]} → {_MAY[one['after']]}"
        if one["at"] is not None:
            turn += f" from {one['at'][:16].replace('T', ' ')}"
        yield one["application"], one["username"], turn, one["reason"]


def anybody(found: Report) -> Iterator[str]:
    """A sentence for each application that lets in people who are not signed in, or no longer does."""
    for one in found["anybody"]:
        if one["opens"]:
            yield f"{one['application']}: anybody may open {', '.join(one['opens'])}, signed in or not."
        if one["closes"]:
            yield f"{one['application']}: no longer open to anybody: {', '.join(one['closes'])}."


def _count(count: Count) -> dict[str, int]:
    return {"gains": count.gains, "loses": count.loses, "unclear": count.unclear}


def _difference(one: Difference, rehearsal: Rehearsal) -> dict[str, Any]:
    username, name = rehearsal.people[one.user_id]
    return {
        "application": rehearsal.applications[one.application_id].slug,
        "user": one.user_id,
        "username": username,
        "name": name,
        "change": str(one.side),
        "before": str(one.before),
        "after": str(one.after),
        "at": None if one.at is None else one.at.isoformat(),
        "reason": because(one.after, one.reasons_after)
        if one.side is not Side.UNCLEAR
        else f"Before: {because(one.before, one.reasons_before)} After: {because(one.after, one.reasons_after)}",
        "reasons_before": [reason_shown(reason) for reason in one.reasons_before],
        "reasons_after": [reason_shown(reason) for reason in one.reasons_after],
    }


def reason_shown(reason: Reason) -> dict[str, str]:
    """One rule's part in a decision."""
    return {"result": str(reason.result), "text": reason.text}


def because(access: Access, reasons: Sequence[Reason]) -> str:
    """The sentences that matter most for an answer."""
    if access is Access.DEPENDS:
        named = [one.rule.name for one in reasons if one.rule and one.rule.expression and one.rule.expression.volatile]
        return f"Policy {' and '.join(dict.fromkeys(named))} decides at each request." if named else "It depends."
    wanted = {Result.FOR} if access is Access.YES else {Result.AGAINST, Result.ERROR}
    texts = list(dict.fromkeys(one.text for one in reasons if one.result in wanted))
    more = len(texts) - _MOST_REASONS
    return " ".join(texts[:_MOST_REASONS]) + (f" And {more} more." if more > 0 else "")
