"""Which releases this installation has run, since when."""

from collections.abc import Sequence

from sqlalchemy import select

from ostiary.kit.clock import Clock
from ostiary.storage.models import Installation
from ostiary.storage.session import Reading, Writing
from ostiary.system.models import Release


async def note(w: Writing, clock: Clock, version: str) -> None:
    """Remembers this release unless it is the one that started last."""
    # Servers that start together queue here.
    await w.execute(select(Installation.id).with_for_update())
    if await w.scalar(select(Release.version).order_by(Release.id.desc()).limit(1)) != version:
        w.add(Release(version=version, started=clock.now()))
        await w.flush()


async def releases(r: Reading) -> Sequence[Release]:
    """All of them, the newest first."""
    return (await r.scalars(select(Release).order_by(Release.id.desc()))).all()
