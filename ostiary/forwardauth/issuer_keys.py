"""Key sets of trusted issuers, fetched and kept for a while.

A check waits for a fetch at most once a minute per address, whoever asks and however it ends, so that strangers with
invented tokens make us ask nobody in a storm.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from ostiary.kit.errors import OstiaryError
from ostiary.kit.jose import PublicKeys

FRESH = timedelta(minutes=10)
"""How long a key set is used without asking again."""
USABLE = timedelta(hours=1)
"""How long one is used at all, if its issuer does not answer."""
AGAIN = timedelta(minutes=1)
"""Between two attempts."""

_log = structlog.get_logger("forwardauth")

Fetch = Callable[[str], Awaitable[bytes]]
"""From an address to a small document. Raises OstiaryError."""


@dataclass(slots=True, eq=False)
class _Kept:
    keys: PublicKeys | None = None
    fetched: datetime | None = None
    tried: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class IssuerKeys:
    """One per worker; ``fetch`` is given addresses that an administrator wrote, and no others."""

    def __init__(self, *, fetch: Fetch, now: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._now = now
        self._kept: dict[str, _Kept] = {}

    def of(self, uri: str, now: datetime) -> PublicKeys | None:
        """The key set as last fetched; None if there is none, or it is too old."""
        kept = self._kept.get(uri)
        if kept is None or kept.fetched is None or now - kept.fetched >= USABLE:
            return None
        return kept.keys

    def wanted(self, uri: str, now: datetime, *, unknown_key: bool = False) -> bool:
        """Whether to fetch before going on: it is old, or does not know a key that a newer one may."""
        kept = self._kept.get(uri)
        if kept is None or kept.tried is None:
            return True
        if now - kept.tried < AGAIN:
            return False
        return unknown_key or kept.fetched is None or now - kept.fetched >= FRESH

    async def refresh(self, uri: str) -> None:
        """Fetches the key set, once for all who ask meanwhile. What fails leaves what was."""
        kept = self._kept.setdefault(uri, _Kept())
        before = kept.tried
        async with kept.lock:
            if kept.tried is not before:
                return
            # Noted when it is over, so that whoever asks meanwhile waits for it as well.
            try:
                keys = PublicKeys.parse(await self._fetch(uri))
            except OstiaryError as error:
                kept.tried = self._now()
                _log.warning("issuer_keys_unavailable", address=uri, reason=error.code, advice=error.message)
                return
            if keys.skipped:
                _log.warning("issuer_keys_skipped", address=uri, reasons=list(keys.skipped))
            kept.keys, kept.fetched = keys, self._now()
            kept.tried = kept.fetched
