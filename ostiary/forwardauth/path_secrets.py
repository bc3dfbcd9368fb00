"""Whether the secret in an address is one of ours: those that commands made, and those of the settings."""

import hmac
from collections.abc import Sequence
from datetime import datetime

from ostiary.access.served import Rules
from ostiary.applications.path_secrets import LONGEST, PURPOSE
from ostiary.storage.secrets import Secrets


class PathSecrets:
    """``configured`` are those of the settings, which are in force as long as this process runs; kept as hashes."""

    def __init__(self, *, secrets: Secrets, configured: Sequence[str] = ()) -> None:
        self._secrets = secrets
        self.configured = tuple(secrets.hash(PURPOSE, secret.encode()) for secret in configured)

    def demanded(self, rules: Rules, now: datetime) -> bool:
        """Whether any is in force, so that an address without one is refused."""
        if self.configured:
            return True
        return any(expires is None or now < expires for _, expires in rules.path_secrets)

    def genuine(self, rules: Rules, given: bytes, now: datetime) -> bool:
        """Whether ``given`` is in force now. ``rules`` are fresh: the end of one is computed here, no row tells it.

        Each hash is compared whole and all of them are, so that the time tells neither which one matched nor how well.
        """
        if not given or len(given) > LONGEST:
            return False
        asked = self._secrets.hashes(PURPOSE, given)
        good = False
        for stored in self.configured:
            for one in asked:
                good |= hmac.compare_digest(stored, one)
        for stored, expires in rules.path_secrets:
            for one in asked:
                good |= hmac.compare_digest(stored, one) and (expires is None or now < expires)
        return good
