"""The embedded outpost: the workers of this installation, which every installation has from its first start."""

from typing import Final

from sqlalchemy import select

from ostiary.outposts.models import Outpost
from ostiary.storage.models import Installation
from ostiary.storage.session import Writing

NAME: Final = "authentik Embedded Outpost"
MANAGED: Final = "goauthentik.io/outposts/embedded"


async def ensure(w: Writing) -> None:
    """Makes it if it is missing; one that exists is left as it is, whatever it is called now."""
    # Servers that start together queue here.
    await w.execute(select(Installation.id).with_for_update())
    if await w.scalar(select(Outpost.id).where(Outpost.managed == MANAGED)) is None:
        w.add(Outpost(name=NAME, type="proxy", config={}, managed=MANAGED))
        await w.flush()
