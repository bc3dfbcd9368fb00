"""Numbers of the audit log, as a client receives them."""

from datetime import datetime
from typing import Any

from ostiary.objects.kind import Shown


class EventVolume(Shown):
    """How often something happened within the hour or day that begins then."""

    action: str
    time: datetime
    count: int


class EventTopPerUser(Shown):
    """How often an application was opened, and by how many people."""

    application: dict[str, Any]
    counted_events: int
    unique_users: int


class EventStats(Shown):
    """How many people there were, and how much happened within each length of time."""

    unique_users: int
    count_step: dict[str, int]
