"""What is told of checks that were not even judged: once for each reason and peer.

What is wrong is a proxy's configuration, and it asks many times a second.
"""

import structlog

_MOST = 1000
_log = structlog.get_logger("forwardauth")


class Complaints:
    """Bounded, because reasons and peers may be many."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def tell(self, reason: str, peer: str, **more: str) -> None:
        """Warns, the first time."""
        if (reason, peer) not in self._told and len(self._told) < _MOST:
            self._told.add((reason, peer))
            _log.warning("check_refused", reason=reason, peer=peer, **more)
