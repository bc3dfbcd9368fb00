"""What people have earned at sign-in, for applications that ask: read when it is needed, believed for ten seconds."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from ostiary.access.served import Load
from ostiary.policies.engine import Standing
from ostiary.policies.reputation import STANDING, asked_for, of_user, read_standing

BELIEVED: Final = timedelta(seconds=10)
_MOST = 20_000


class Standings:
    """One per worker. A check of somebody who was asked about just now costs no question to the database."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, str], tuple[datetime, Standing]] = OrderedDict()

    def of(self, user_id: int, client_ip: str, now: datetime) -> Load[Standing]:
        """The standing of this person at this address."""
        key = user_id, client_ip
        known = self._known.get(key)
        if known is not None and known[0] <= now < known[0] + BELIEVED:
            return known[1]
        subject = of_user(user_id)
        rows = yield STANDING, asked_for(subject, client_ip, now)
        standing = read_standing(rows[0], subject, client_ip)
        self._known[key] = now, standing
        self._known.move_to_end(key)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return standing
