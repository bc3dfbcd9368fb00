"""Facts that programs tell of themselves."""

import json
import re
from typing import Any, Final

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput
from ostiary.storage.session import Database

_APP: Final = re.compile(r"[\w.-]{1,32}", re.ASCII)
_LARGEST = 16_384


class CustomEvents:
    """The verb. Who did it and when is never for the program to say."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tell(self, app: str, context: dict[str, Any], *, by: Actor) -> str:
        """Adds the event and answers its UUID. Raises `event.app_invalid`, `event.context_invalid`."""
        if not _APP.fullmatch(app):
            raise InvalidInput(
                "event.app_invalid",
                "app: use 1 to 32 letters, digits, dots, - and _, such as backup.nightly.",
                field="app",
            )
        if len(json.dumps(context)) > _LARGEST:
            raise InvalidInput("event.context_invalid", "context: it is larger than 16 KiB.", field="context")
        async with self._database.writing() as w:
            try:
                event = await record(w, self._clock, Action.CUSTOM, app, by, **context)
            except (ValueError, TypeError) as error:
                raise InvalidInput(
                    "event.context_invalid",
                    "context: no key may name a password, a token or another secret, or what an event has anyway.",
                    field="context",
                ) from error
            await w.flush()
            return event.uuid
