"""What a person was doing when a flow took over, and where they go on after it."""

import json
import re
from dataclasses import asdict, dataclass, fields

from ostiary.kit.errors import InvalidInput
from ostiary.storage.secrets import Secrets

HOME = "/if/user/"

_PURPOSE = "flow-intent"
# One slash, then neither a second nor a backslash: browsers read `//host` and `/\host` as another host.
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")


@dataclass(frozen=True)
class Intent:
    """``resume`` is a path and query on our own host; ``return_origin`` the validated origin that the journey ends at.

    ``max_age`` is seconds since the person last proved who they are; the other fields are the protocol's own words.
    """

    resume: str = HOME
    application_name: str = ""
    application_slug: str = ""
    return_origin: str = ""
    prompt: str = ""
    login_hint: str = ""
    acr: tuple[str, ...] = ()
    max_age: int | None = None
    scopes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _OWN_PATH.fullmatch(self.resume):
            raise InvalidInput("flow.resume_invalid", "A flow can only return to a path of our own.", field="resume")


class Intents:
    """Seals intents into addresses and opens them again. Only what a protocol here has sealed is believed."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def seal(self, intent: Intent) -> str:
        """URL-safe text."""
        return self._secrets.seal(_PURPOSE, json.dumps(asdict(intent)).encode(), "url")

    def open(self, text: str) -> Intent | None:
        """The intent, or None for anything that we did not seal."""
        try:
            return decoded(json.loads(self._secrets.open(_PURPOSE, text, "url")))
        except (InvalidInput, TypeError, ValueError):
            return None


def encoded(intent: Intent) -> dict[str, object]:
    """Its JSON form."""
    return asdict(intent)


def decoded(values: dict[str, object]) -> Intent:
    """From its JSON form; fields of a newer release are left out."""
    known = {field.name for field in fields(Intent)}
    clean = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name in known
    }
    return Intent(**clean)  # type: ignore[arg-type]  # each was checked above
