"""When a token was last used: noted while requests are answered, written in batches."""

from datetime import datetime

from sqlalchemy import or_, update

from ostiary.directory.models import Token
from ostiary.storage.session import Database


class TokenUse:
    """``note`` costs a dictionary entry; ``flush`` writes. The feed does not announce it, since it decides nothing."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._used: dict[str, datetime] = {}

    def note(self, token_id: str, now: datetime) -> None:
        """Whoever calls it does so once a minute at most."""
        self._used[token_id] = now

    async def flush(self) -> None:
        """Writes the noted uses in one transaction; keeps them if the database cannot be asked. None moves back."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with self._database.writing() as w:
                for token_id, moment in used.items():
                    await w.execute(
                        update(Token)
                        .where(Token.id == token_id, or_(Token.last_used.is_(None), Token.last_used < moment))
                        .values(last_used=moment)
                        .execution_options(synchronize_session=False)
                    )
        except BaseException:
            self._used = used | self._used
            raise
