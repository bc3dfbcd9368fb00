"""When something was last used: noted while requests are answered, written in batches."""

from datetime import datetime
from typing import Any

from sqlalchemy import or_, update

from ostiary.storage.session import Database


class LastUse:
    """``model`` has ``id`` and ``last_used``. `note` costs a dictionary entry, whoever calls it does so once a minute
    at most; `flush` writes. The feed does not announce it, since it decides nothing.
    """

    def __init__(self, *, database: Database, model: Any) -> None:
        self._database = database
        self._model = model
        self._used: dict[str, datetime] = {}

    def note(self, key: str, now: datetime) -> None:
        """Used now."""
        self._used[key] = now

    def noted(self, key: str, otherwise: datetime) -> datetime:
        """The later of what was noted and not written yet, and what is known ``otherwise``."""
        return max(otherwise, self._used.get(key, otherwise))

    def forget(self, key: str) -> None:
        """It is gone, and nothing is left to write."""
        self._used.pop(key, None)

    async def flush(self) -> None:
        """Writes the noted uses in one transaction; keeps them if the database cannot be asked. None moves back."""
        used, self._used = self._used, {}
        if not used:
            return
        row = self._model
        try:
            async with self._database.writing() as w:
                for key, moment in used.items():
                    await w.execute(
                        update(row)
                        .where(row.id == key, or_(row.last_used.is_(None), row.last_used < moment))
                        .values(last_used=moment)
                        .execution_options(synchronize_session=False)
                    )
        except BaseException:
            self._used = used | self._used
            raise
