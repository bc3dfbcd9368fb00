"""The object that an operation of its own is about, by a permission of its own."""

from typing import Any

from ostiary.kit.errors import NotFound, Refused
from ostiary.objects.kind import Caller, Kind
from ostiary.storage.session import Reading


async def target(r: Reading, kind: Kind, key: Any, caller: Caller, *codenames: str) -> Any:
    """The object of that key, if the caller holds one of these permissions for it.

    Raises `api.not_allowed` where they may only see it, else `api.not_found`, as for one that is not there.
    """
    query = kind.every().where(kind.key == key)
    row = await r.scalar(query)
    if row is not None and any(caller.may.may(codename, getattr(row, kind.pk.key)) for codename in codenames):
        return row
    visible = await kind.visible(r, caller)
    if row is None or (visible is not None and await r.scalar(query.where(visible)) is None):
        raise NotFound("api.not_found", "There is no such object, or you may not see it.")
    raise Refused("api.not_allowed", "You may see this, but not do that to it.")
