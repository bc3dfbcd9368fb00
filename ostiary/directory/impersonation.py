"""Who may act as whom: with the permission for it, as nobody who may do more, and only as a person."""

from typing import Final

from ostiary.directory.escalation import may_touch_user
from ostiary.directory.membership import PEOPLE
from ostiary.directory.models import User
from ostiary.directory.permissions import Permissions, permissions_of
from ostiary.kit.errors import Refused
from ostiary.storage.session import Reading

CODENAME: Final = "authentik_core.impersonate"


async def check_impersonation(r: Reading, permissions: Permissions, whom: User) -> None:
    """Raises `impersonation.not_allowed`, `impersonation.not_a_person`, `impersonation.disabled`, or
    `permission.raises`."""
    if not permissions.may(CODENAME, whom.id):
        raise Refused("impersonation.not_allowed", "You may not act as other people; ask somebody who may.")
    if whom.type not in PEOPLE:
        raise Refused("impersonation.not_a_person", "This is a service account; nobody signs in as one.")
    if not whom.is_active:
        raise Refused("impersonation.disabled", "This account is disabled; enable it first.")
    await may_touch_user(r, permissions, whom.id)


async def may_impersonate(r: Reading, who: int, whom: int) -> bool:
    """Whether the user ``who`` may act as the user ``whom`` right now."""
    administrator, person = await r.get(User, who), await r.get(User, whom)
    if administrator is None or person is None or not administrator.is_active:
        return False
    try:
        await check_impersonation(r, await permissions_of(r, who), person)
    except Refused:
        return False
    return True
