"""The object that an operation of its own is about, by a permission of its own."""

from typing import Any

from ostiary.api.generic import found, only_seen
from ostiary.objects.kind import Caller, Kind
from ostiary.storage.session import Reading


async def target(r: Reading, kind: Kind, key: Any, caller: Caller, *codenames: str) -> Any:
    """The object of that key, if the caller holds one of these permissions for it.

    Raises `api.not_allowed` where they may only see it, else `api.not_found`, as for one that is not there.
    """
    row = await r.scalar(kind.every().where(kind.key == key))
    if row is not None and any(caller.may.may(codename, kind.pk_of(row)) for codename in codenames):
        return row
    await found(r, kind, key, caller)
    raise only_seen()
