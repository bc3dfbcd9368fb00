"""Flows in authentik's words, for programs: what stands in a challenge, and what a program answers to it. Pure.

https://docs.goauthentik.io (flow executor): every answer is a challenge with a ``component``; the end is
``xak-flow-redirect``, a refusal ``ak-stage-access-denied``.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from ostiary.flows.executor import Shown
from ostiary.flows.intent import Intent, Intents
from ostiary.flows.plan import Plan
from ostiary.kit.errors import InvalidInput

CANCEL_URL: Final = "/flows/-/cancel/"
_FIELDS: Final = 40
_LONGEST: Final = 8192
# A form has no boolean: a checked box sends this.
_CHECKED: Final = "on"


def for_programs(browser: bytes) -> bytes:
    """What binds a program's runs to its browser. Not the pages' own: a program keeps no address with a run's id, so
    its last run is the present one, and no tab may come between.
    """
    return hashlib.sha256(b"flow executor" + browser).digest()


def wanted(query: str, intents: Intents) -> Intent:
    """What a page's query string asks for: an intent that we sealed, or a path of ours in ``next``."""
    try:
        given = dict(parse_qsl(query.removeprefix("?"), max_num_fields=_FIELDS))
    except ValueError:
        return Intent()
    sealed = intents.open(given.get("intent", ""))
    if sealed is not None:
        return sealed
    path = given.get("next", "")
    try:
        return Intent(resume=path) if 0 < len(path) <= _LONGEST else Intent()
    except InvalidInput:
        return Intent()


def challenge(shown: Shown, *, product: str) -> dict[str, Any]:
    """A stage's question, with what was wrong about the last answer."""
    question = shown.question
    fields = dict(question.challenge)
    if question.component == "ak-stage-session-end":
        fields["brand_name"] = product
    made = _challenge(shown.run.plan, question.component, **fields)
    if shown.errors:
        made["response_errors"] = {
            name or "non_field_errors": [{"string": sentence, "code": "invalid"}]
            for name, sentence in shown.errors.items()
        }
    return made


def redirect(plan: Plan, to: str) -> dict[str, Any]:
    """The end, or another place to begin at."""
    return _challenge(plan, "xak-flow-redirect", to=to, final_redirect=True)


def denied(plan: Plan, message: str, who: str = "") -> dict[str, Any]:
    """The end without success."""
    return _challenge(plan, "ak-stage-access-denied", pending_user=who, pending_user_avatar="", error_message=message)


def _challenge(plan: Plan, component: str, **fields: Any) -> dict[str, Any]:
    info = {"title": plan.title, "background": "", "cancel_url": CANCEL_URL, "layout": "stacked"}
    return {"component": component, "flow_info": info, **fields}


def answer(body: bytes) -> tuple[str, dict[str, str]]:
    """The component that a program answers, nothing if it does not say, and its fields.

    Raises `flow.answer_unreadable`.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable("Send a JSON object.") from error
    if not isinstance(values, Mapping) or len(values) > _FIELDS:
        raise _unreadable("Send a JSON object, with one member for each field.")
    fields: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, bool):
            fields[name] = _CHECKED if value else ""
        elif isinstance(value, str) and _storable(value):
            fields[name] = value
        elif value is not None:
            raise _unreadable(f"A field holds a text of at most {_LONGEST} characters, true, false or null.")
    return fields.pop("component", ""), fields


def _storable(text: str) -> bool:
    if len(text) > _LONGEST or "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(message: str) -> InvalidInput:
    return InvalidInput("flow.answer_unreadable", message)
