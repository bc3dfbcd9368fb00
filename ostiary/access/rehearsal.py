"""Makes a change within a transaction, looks at what it would do to everybody's access, and takes it back.

The change is undone as soon as its rules and its people have been read, so that its locks are short; everybody else is
read afterwards from the same snapshot. Whatever happens, the transaction is rolled back in the end.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from ostiary.access import world_rows
from ostiary.access.authorize import ApplicationRules
from ostiary.access.served import Rules
from ostiary.access.simulation import Difference, Simulation
from ostiary.access.world import Row
from ostiary.policies.engine import Question
from ostiary.storage.session import Database, Writing

Change = Callable[[], Awaitable[object]]
"""Verbs of the rooms; each joins the transaction that is open."""
Progress = Callable[[int, int], None]
"""Is told how many people have been looked at, of how many."""

_NAMES = frozenset({3, 4})


@dataclass(frozen=True)
class Rehearsal:
    """What a change would do. ``people`` are (username, name) of everybody in the differences, by id."""

    simulation: Simulation
    applications: dict[str, ApplicationRules]
    people: dict[int, tuple[str, str]]
    doors: dict[str, tuple[frozenset[str], frozenset[str]]]
    """What is open to anybody, before and after, by the id of each application where it changes."""


class _Over(Exception):
    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__()
        self.rehearsal = rehearsal


async def rehearse(
    database: Database,
    change: Change,
    question: Question,
    *,
    progress: Progress = lambda done, total: None,
    each: int = 1000,
    most: int = 10_000,
) -> Rehearsal:
    """The differences that a change would make. Raises what the change raises."""
    try:
        async with database.together() as w:
            await _begin(w)
            raise _Over(await _rehearse(w, change, question, progress, each, most))
    except _Over as over:
        return over.rehearsal


async def _begin(w: Writing) -> None:
    # One snapshot, so that what others commit meanwhile is not taken for the change's doing.
    if w.get_bind().dialect.name == "postgresql":
        await w.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        await w.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


async def _rehearse(
    w: Writing, change: Change, question: Question, progress: Progress, each: int, most: int
) -> Rehearsal:
    rules = Rules(None)
    before, doors_before, place = await world_rows.world(w, rules), await world_rows.doors(w), await world_rows.place(w)
    undo = await w.begin_nested()
    await change()
    await w.flush()
    after, doors_after = await world_rows.world(w, rules), await world_rows.doors(w)
    simulation = Simulation(before, after, question, each=each, most=most)
    reads = simulation.reads()
    ids = await world_rows.announced(w, place)
    changed = await world_rows.people_of(w, reads | _NAMES, ids)
    await undo.rollback()

    total = await world_rows.count(w)
    progress(0, total)
    present = await world_rows.people_of(w, reads | _NAMES, ids)
    simulation.changed([(present.get(key), changed.get(key)) for key in sorted(ids)])
    if simulation.needs_everybody:
        async for rows in world_rows.people(w, reads):
            simulation.batch([row for row in rows if row[0] not in ids] if ids else rows)
            progress(simulation.asked, total)
    progress(total, total)
    return Rehearsal(
        simulation=simulation,
        applications={**after.applications, **before.applications},
        people=await _people(w, simulation.differences, {**changed, **present}),
        doors=_doors(doors_before, doors_after),
    )


async def _people(w: Writing, differences: Sequence[Difference], known: dict[int, Row]) -> dict[int, tuple[str, str]]:
    ids = {one.user_id for one in differences}
    found = {**(await world_rows.people_of(w, _NAMES, ids - known.keys())), **known}
    return {key: (row[3], row[4]) for key, row in found.items() if key in ids}


def _doors(
    before: dict[str, frozenset[str]], after: dict[str, frozenset[str]]
) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    none: frozenset[str] = frozenset()
    pairs = {key: (before.get(key, none), after.get(key, none)) for key in {**before, **after}}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
