"""Which flows a new installation has, and whether they are there.

What they are stands in blueprints. Reading and applying those takes parts that serving never needs, so a child process
does it, at the first start and whenever one of these flows is gone; a server that finds them all asks one question.
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import Final

from sqlalchemy import select

from ostiary.flows.models import Flow, Stage
from ostiary.flows.start import AUTHENTICATION, INVALIDATION, SETUP
from ostiary.kit.errors import Unavailable
from ostiary.storage.session import Database, Reading, Writing

DEFAULTS: Final[Mapping[str, str]] = {
    AUTHENTICATION: "default/flow-default-authentication-flow.yaml",
    INVALIDATION: "default/flow-default-invalidation-flow.yaml",
    "default-provider-authorization-implicit-consent": (
        "default/flow-default-provider-authorization-implicit-consent.yaml"
    ),
    "default-provider-invalidation-flow": "default/flow-default-provider-invalidation.yaml",
    SETUP: "default/flow-initial-setup.yaml",
}
"""The slug of each → the blueprint that makes it, among those that are shipped."""

SETUP_STAGE: Final = "initial-setup"


async def missing(r: Reading) -> list[str]:
    """The slugs of those that are not there. One that exists is as its administrator wants it."""
    found = set(await r.scalars(select(Flow.slug).where(Flow.slug.in_(DEFAULTS))))
    return [slug for slug in DEFAULTS if slug not in found]


async def ensure_setup_stage(w: Writing) -> None:
    """The one stage that no blueprint makes: there is never another."""
    if await w.scalar(select(Stage.id).where(Stage.name == SETUP_STAGE)) is None:
        w.add(Stage(name=SETUP_STAGE, type="initial_setup", config={}))
        await w.flush()


async def ensure_in_child(database: Database, url: str) -> None:
    """Makes those that are missing, in a child process. Raises `flows.defaults_failed`, `storage.unreachable`."""
    async with database.reading() as r:
        if not await missing(r):
            return
    # The address goes through a pipe: it may hold a password, and arguments are visible to every user of the machine.
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ostiary.blueprints.first", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    answer, _ = await child.communicate(url.encode())
    if child.returncode != 0:
        raise Unavailable(
            "flows.defaults_failed",
            f"A default flow is missing and could not be made: {answer.decode().strip() or 'the log says why.'}",
        )
