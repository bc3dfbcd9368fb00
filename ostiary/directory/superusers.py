"""Keeps the house from losing its last administrator by accident."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ostiary.directory.membership import active_superusers, one_at_a_time
from ostiary.kit.errors import Conflict
from ostiary.storage.session import Writing


@asynccontextmanager
async def superuser_kept(w: Writing, *, force: bool) -> AsyncIterator[None]:
    """Around a change: refuses it with `user.last_superuser` if it would leave nobody who can sign in and administer.

    ``force`` lets it happen; the command line can always make another superuser.
    """
    await one_at_a_time(w)
    before = 0 if force else await active_superusers(w)
    yield
    await w.flush()
    if before and not await active_superusers(w):
        raise Conflict(
            "user.last_superuser",
            "This would leave no active superuser who can sign in; make another one first, or force it.",
        )
