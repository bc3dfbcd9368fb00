"""The feed's reader on SQLite: asked on every check, so that nothing is ever stale."""

from pathlib import Path

from ostiary.storage.direct import SqliteDirect
from ostiary.storage.feed import DROP, LONGEST_READ, Answer

# One statement, so one snapshot; a row even when the feed has none.
_READ = """
SELECT now.sequence, now.incarnation, feed.id, feed.kind, feed.key, feed.created
FROM (SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'feed') AS sequence,
             (SELECT incarnation FROM installation WHERE id = 1) AS incarnation) AS now
LEFT JOIN feed ON feed.id >= ? ORDER BY feed.id LIMIT ?
"""


class SqliteFeed:
    """Says whether anything was committed, and what.

    It asks inline: through a driver's thread the question would cost more than the rest of a check.
    """

    def __init__(self, path: str | Path) -> None:
        self._direct = SqliteDirect(path)
        self._version: tuple[int, int] | None = None
        self._log_header: bytes | None = None
        # The newest row that was read, whole: a feed whose row of that number reads otherwise is another feed.
        self._last: tuple[int, str, str, int] | None = None
        self._incarnation: str | None = None
        self._started = False

    def moved(self) -> bool:
        """Whether anything may have been committed since the last good :meth:`read`. Raises `storage.*`."""
        log_header = self._direct.log_header()
        if log_header is not None and log_header == self._log_header:
            return False
        if self._direct.data_version() != self._version:
            return True
        # The log was begun anew, say, and nothing was committed since it was looked at.
        self._log_header = log_header
        return False

    def read(self) -> Answer:
        """What changed since the last good read, or DROP when that cannot be told. Raises `storage.*`.

        Ids are dense: one writer at a time, AUTOINCREMENT, and a rollback takes its numbers back. So a number that is
        missing was trimmed before it was read, and a sequence behind the cursor belongs to an older copy of the data.
        """
        # Taken before the rows: a commit in between is then read twice, never missed.
        log_header, version = self._direct.log_header(), self._direct.data_version()
        cursor = self._last[0] if self._last else 0
        rows = self._direct.query(_READ, (cursor, LONGEST_READ + 1))
        sequence, incarnation = rows[0][:2]
        feed = [(id_, kind, key, created) for _, _, id_, kind, key, created in rows if id_ is not None]
        known = self._started and incarnation == self._incarnation
        whole = [row[0] for row in feed] == list(range(cursor if self._last else 1, (sequence or 0) + 1))
        same = self._last is None or feed[:1] == [self._last]
        if known and whole and same:
            answer: Answer = [(kind, key) for _, kind, key, _ in (feed[1:] if self._last else feed)]
            last = feed[-1] if feed else None
        else:
            answer = DROP
            newest = self._direct.query("SELECT id, kind, key, created FROM feed ORDER BY id DESC LIMIT 1")
            last = newest[0] if newest else None
        self._started, self._incarnation, self._last, self._version = True, incarnation, last, version
        self._log_header = log_header
        return answer

    def close(self) -> None:
        self._direct.close()
