"""`python -m ostiary.blueprints.first`: makes the default flows that are missing, and ends.

Only the blueprints of missing flows are applied: of a flow that exists, an administrator may have taken a stage away.
"""

import asyncio
import sys
from collections.abc import Sequence

from ostiary.blueprints.apply import Source
from ostiary.blueprints.entries import read
from ostiary.blueprints.registry import Blueprints
from ostiary.blueprints.shipped import shipped
from ostiary.directory.roles import Roles
from ostiary.events.record import SYSTEM
from ostiary.flows.defaults import DEFAULTS, ensure_setup_stage, missing
from ostiary.flows.verbs import flow_verbs
from ostiary.kit.clock import Clock, SystemClock
from ostiary.kit.errors import OstiaryError
from ostiary.objects.flows import BindingKind, FlowKind
from ostiary.objects.kind import Kind
from ostiary.objects.stages import AllStages, IdentificationStages, PasswordStages, UserLoginStages, UserLogoutStages
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database


async def make(database: Database, clock: Clock) -> Sequence[str]:
    """Makes the default flows that are missing, all or none, and answers their slugs."""
    verbs = flow_verbs(database=database, clock=clock)
    kinds: list[Kind] = [FlowKind(verbs.flows), BindingKind(verbs.bindings)]
    for stages in (AllStages, IdentificationStages, PasswordStages, UserLoginStages, UserLogoutStages):
        kinds.append(stages(verbs.stages))
    blueprints = Blueprints(
        database=database,
        clock=clock,
        roles=Roles(database=database, clock=clock),
        kinds={kind.words.label: kind for kind in kinds},
    )
    async with database.together() as w:
        slugs = await missing(w)
        await ensure_setup_stage(w)
        files = [shipped(DEFAULTS[slug]) for slug in slugs]
        await blueprints.apply([Source(read(file.path, file.data)) for file in files], by=SYSTEM)
    return slugs


async def _main(url: str) -> None:
    database = Database(open_engine(url))
    try:
        try:
            await make(database, SystemClock())
        except OstiaryError:
            # A server that started together with ours may have been quicker.
            async with database.reading() as r:
                if await missing(r):
                    raise
    finally:
        await database.close()


def main() -> int:
    """Reads the address from standard input, answers one sentence if it fails."""
    try:
        asyncio.run(_main(sys.stdin.read()))
    except OstiaryError as error:
        sys.stdout.write(f"{error.message} [{error.code}]\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
