"""Writes one fact into the audit log, in the transaction of whatever happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Text, cast, func

from ostiary.events.catalog import Action
from ostiary.events.models import Event
from ostiary.kit.clock import Clock
from ostiary.storage.session import Writing

_LONGEST_TEXT = 1024
_MOST_ENTRIES = 100
_DEEPEST = 6

# A context that carries such a key is a mistake of ours; it fails in the first test that meets it.
_SECRET_WORDS = ("password", "secret", "cookie", "credential", "key_hash", "authorization")
_SECRET_NAMES = frozenset({"code", "key", "token", "nonce", "ticket", "state"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. ``username`` without ``user_id`` is somebody without an account, such as ``cli``.

    ``acting_as`` (id and username) is the person as whom an administrator acts; ``user_id`` is the administrator then.
    """

    user_id: int | None
    username: str | None
    client_ip: str | None = None
    acting_as: tuple[int, str] | None = None


SYSTEM = Actor(None, None)
COMMAND = Actor(None, "cli")


async def record(w: Writing, clock: Clock, action: Action, room: str, actor: Actor, **context: Any) -> Event:
    """Adds the event to the caller's transaction. ``context`` holds JSON values; long texts are cut.

    Raises ValueError for a context key that names a secret: not even a masked one belongs here.
    """
    event = Event(
        created=clock.now(),
        action=str(action),
        room=room,
        user=_user(actor),
        client_ip=actor.client_ip,
        context=_cleaned_mapping(context, 0),
        xid=cast(cast(func.pg_current_xact_id(), Text), BigInteger) if _on_postgresql(w) else None,
    )
    w.add(event)
    return event


def _on_postgresql(w: Writing) -> bool:
    return w.get_bind().dialect.name == "postgresql"


def _user(actor: Actor) -> dict[str, Any]:
    if actor.user_id is not None:
        who: dict[str, Any] = {"pk": actor.user_id, "username": actor.username}
        if actor.acting_as is not None:
            who["on_behalf_of"] = {"pk": actor.acting_as[0], "username": actor.acting_as[1]}
        return who
    return {"username": actor.username} if actor.username else {}


def _cleaned_mapping(values: Mapping[str, Any], depth: int) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    for name, value in list(values.items())[:_MOST_ENTRIES]:
        folded = name.casefold()
        if folded in _SECRET_NAMES or any(word in folded for word in _SECRET_WORDS):
            raise ValueError(f"an event's context may not hold {name!r}")
        cleaned[_text(name)] = _cleaned(value, depth + 1)
    return cleaned


def _cleaned(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return _cleaned_mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            entries = sorted(value) if isinstance(value, set | frozenset) else value
            return [_cleaned(entry, depth + 1) for entry in list(entries)[:_MOST_ENTRIES]]
    return _text(str(value))


def _text(text: str) -> str:
    # PostgreSQL's JSON refuses NUL and lone surrogates; a hostile request may hold both.
    text = text[: _LONGEST_TEXT + 1].replace("\0", "�").encode("utf-8", "replace").decode()
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
