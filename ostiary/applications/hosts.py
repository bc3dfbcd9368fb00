"""One host belongs to one thing. Whoever gives a host away takes the lock first."""

from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import func, select

from ostiary.applications.models import Provider, ProxyProvider
from ostiary.storage.session import Reading, Writing

OwnHost = Callable[[Reading, str], Awaitable[bool]]
"""Whether a host is one of our own."""

# "hosts" in letters: any number that nobody else uses on the same PostgreSQL database.
_LOCK: Final = 0x686F_7374_7300


async def lock_hosts(w: Writing) -> None:
    """Nobody else gives a host away until this transaction ends."""
    if w.get_bind().dialect.name == "postgresql":
        # SQLite has one writer anyway; here two could each see only the state before the other.
        await w.execute(select(func.pg_advisory_xact_lock(_LOCK)))


async def holder(r: Reading, host: str) -> str | None:
    """Which provider guards an application at that host; a whole domain's may have its sign-in anywhere."""
    query = (
        select(Provider.name)
        .join(ProxyProvider, ProxyProvider.id == Provider.id)
        .where(ProxyProvider.host_key == host, ProxyProvider.mode != "forward_domain")
    )
    return await r.scalar(query.limit(1))
