"""Some people at some applications, as things are now."""

from collections.abc import Collection, Mapping, Sequence

from ostiary.access import world_rows
from ostiary.access.authorize import authorize
from ostiary.access.served import Rules
from ostiary.access.simulation import Access, access_of
from ostiary.access.world import COLUMNS, State
from ostiary.policies.engine import Question
from ostiary.storage.session import Reading


async def matrix(
    r: Reading, people: Collection[int], applications: Sequence[str], question: Question
) -> Mapping[int, Sequence[Access]]:
    """Of each person (id), what they may do at each application (id), in the order of the applications."""
    there = await world_rows.world(r, Rules(None), only=applications)
    found: dict[int, Sequence[Access]] = {}
    for user_id, row in (await world_rows.people_of(r, range(len(COLUMNS)), people)).items():
        subject = State(row, there).subject
        found[user_id] = [
            Access.NO
            if subject is None or key not in there.applications
            else access_of(authorize(there.applications[key], subject, question))
            for key in applications
        ]
    return found
