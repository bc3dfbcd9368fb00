"""Where a protocol sends a person to begin a flow."""

from urllib.parse import urlencode

from ostiary.flows.intent import HOME, Intent, Intents
from ostiary.storage.secrets import Secrets

AUTHENTICATION = "default-authentication-flow"
INVALIDATION = "default-invalidation-flow"
SETUP = "initial-setup"


class Start:
    """Addresses of flow pages, as paths on our own host; put `Address.base_url()` before them elsewhere."""

    def __init__(self, secrets: Secrets) -> None:
        self._intents = Intents(secrets)

    def url(self, intent: Intent, flow: str = AUTHENTICATION) -> str:
        """``/if/flow/<slug>/?intent=…``. A plain wish for the home page needs no intent."""
        page = f"/if/flow/{flow}/"
        return page if intent == Intent(resume=HOME) else f"{page}?{urlencode({'intent': self._intents.seal(intent)})}"
