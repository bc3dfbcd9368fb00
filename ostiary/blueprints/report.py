"""An outcome for a person and for a program.

Values come from files and from the database; whatever a terminal would obey is written as its number.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ostiary.blueprints.apply import Outcome
from ostiary.blueprints.changes import CHANGE, CREATE, DELETE, MASKED, NOTHING, Change, FieldChange
from ostiary.blueprints.references import referred

_SIGNS: Final = {CREATE: "+", CHANGE: "~", DELETE: "-"}
_LONGEST: Final = 200


def lines(outcome: Outcome, *, done: bool = False) -> Iterator[str]:
    """One block per object, then the sums; nothing but the sums if nothing changes. ``done`` says it was applied."""
    for change in outcome.changes:
        yield f"{_SIGNS[change.action]} {change.model} {_safe(change.name)}  ({_safe(change.where)})".replace(
            "   (", " ("
        )
        for field in change.fields:
            yield from (f"    {line}" for line in _field(change, field, outcome.names))
    if outcome.changes:
        yield ""
    for note in outcome.notes:
        yield f"note: {_safe(str(note))}"
    yield summary(outcome, done=done)


def summary(outcome: Outcome, *, done: bool) -> str:
    """How many objects of each sort."""
    actions = [change.action for change in outcome.changes]
    if not actions:
        return f"Nothing changes; {outcome.unchanged} {_objects(outcome.unchanged)} as the files say."
    words = {CREATE: "created", CHANGE: "changed", DELETE: "deleted"}
    told = ", ".join(
        f"{actions.count(action)} {words[action] if done else f'to {action}'}" for action in words if action in actions
    )
    return f"{told}, {outcome.unchanged} unchanged."


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The same for programs."""
    return {
        "changes": [
            {
                "action": change.action,
                "model": change.model,
                "name": change.name,
                "pk": None if change.action == CREATE else change.pk,
                "where": change.where,
                "fields": [
                    {"name": field.name, "old": _plain(field.old), "new": _plain(field.new)} for field in change.fields
                ],
            }
            for change in outcome.changes
        ],
        "notes": [str(note) for note in outcome.notes],
        "unchanged": outcome.unchanged,
    }


def _objects(count: int) -> str:
    return "object is" if count == 1 else "objects are"


def _plain(value: Any) -> Any:
    if value is NOTHING:
        return None
    if value is MASKED:
        return str(MASKED)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _field(change: Change, field: FieldChange, names: Mapping[str, str]) -> Iterator[str]:
    name, old, new = _safe(field.name), field.old, field.new

    def told(value: Any) -> str:
        text = _told(field.name, value, names)
        return _safe(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")

    if change.action == CREATE:
        yield f"{name}: {told(new)}"
    elif isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new):
        yield f"{name}:"
        for line in difflib.ndiff(old.splitlines(), new.splitlines()):
            if not line.startswith("?"):
                yield f"  {_safe(line)}"
    elif isinstance(old, list) and isinstance(new, list) and sorted(map(repr, old)) != sorted(map(repr, new)):
        gone = [f"- {told(one)}" for one in old if one not in new]
        come = [f"+ {told(one)}" for one in new if one not in old]
        yield f"{name}: {', '.join(gone + come)}"
    elif old is MASKED and new is MASKED:
        yield f"{name}: {MASKED}, another one"
    else:
        yield f"{name}: {told(old)} → {told(new)}"


def _told(name: str, value: Any, names: Mapping[str, str]) -> str:
    if value is MASKED:
        return str(MASKED)
    if value is NOTHING or value is None:
        return str(NOTHING)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_told('', inner, names)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_told(name, inner, names) for inner in value) + "]"
    return names.get(referred(name, value) or "") or json.dumps(value, ensure_ascii=False)


def _safe(text: str) -> str:
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
