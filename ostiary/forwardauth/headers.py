"""Whole answers to a proxy: an empty body, never stored, and on an allow every identity header, empty ones too.

An identity header that were left out would let a client's own copy through.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ostiary import __version__
from ostiary.access import header_plan
from ostiary.access.header_plan import HeaderPlan
from ostiary.access.served import Served
from ostiary.access.table import Person
from ostiary.kit.expressions import Failed
from ostiary.mappings.evaluate import evaluate
from ostiary.policies.engine import as_read

LARGEST = 4096
"""Bytes of an answer: what nginx reads a response head into by default."""

ASSERTION = header_plan.ASSERTION.encode("ascii") + b": "
"""What comes before a signed identity. Whoever has none gets the empty header, in the place of one of their own."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def answer(status: bytes, *lines: bytes) -> bytes:
    """A complete HTTP/1.1 answer without a body; each of ``lines`` is a header without its line end."""
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def reason(code: str) -> bytes:
    """The line that names a refusal's reason to whoever asks us directly; proxies drop it."""
    return b"X-Ostiary-Reason: " + code.encode("ascii")


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Why a person cannot be named to an application: a stable code, and a sentence for administrators."""

    code: str
    why: str


def identity(served: Served, person: Person) -> tuple[bytes, ...] | Unsaid:
    """The identity headers of a person at an application, all that its plan names but the signed one.

    Nothing is left out and nothing cut: what cannot be said faithfully is not said at all, since an application would
    take a missing group for one that somebody does not have.
    """
    plan, subject = served.headers, person.subject
    if not plan.readable:
        return Unsaid("headers_unreadable", "The headers of this application are stored in a way that cannot be read.")
    groups = plan.told(subject.group_names)
    for name in groups:
        if plan.separator in name:
            return Unsaid("group_name", f"The group {name} holds {plan.separator}, by which groups are joined.")
    values = {
        "username": subject.username,
        "groups": plan.separator.join(groups),
        "email": subject.email,
        "name": subject.name,
        "uid": person.uuid,
        "meta-outpost": "ostiary",
        "meta-provider": served.provider_name,
        "meta-app": served.rules.slug if served.rules else "",
        "meta-version": f"ostiary/{__version__}",
    }
    lines = [_line(header, values.get(part, "")) for part, header in plan.parts]
    if plan.additional:
        added = _additional(plan, person)
        if isinstance(added, Unsaid):
            return added
        lines += added
    if plan.mapped:
        read = as_read(subject)
        for mapping in plan.mapped:
            try:
                lines.append(_line(mapping.header, evaluate(mapping, read, plan.separator)))
            except Failed as failure:
                return Unsaid("mapping_failed", f"Mapping {mapping.name} failed: {failure.reason}")
    return tuple(lines)


def anonymous(*plans: HeaderPlan) -> bytes:
    """A whole answer that lets somebody pass as nobody: every name of these plans is set, and empty."""
    lines = dict.fromkeys(line for plan in plans for line in plan.blank)
    return answer(b"200 OK", *lines)


def basic_credentials(plan: HeaderPlan, person: Person) -> bytes | None:
    """The value of Authorization that signs a person in at the application itself (RFC 7617).

    None if the application asks for none, or the person has no password for it. It may be answered only where the
    visitor's own scripts cannot ask.
    """
    if plan.basic is None:
        return None
    attributes: dict[str, Any] = {}
    for inherited in person.inherited:
        attributes |= inherited
    attributes |= person.subject.attributes
    name = attributes.get(plan.basic.user) or person.subject.email
    word = attributes.get(plan.basic.password)
    if (
        not isinstance(name, str)
        or not isinstance(word, str)
        or not word
        or ":" in name
        or _CONTROL.search(name + word)
    ):
        return None
    return b"Basic " + b64encode(f"{name}:{word}".encode("utf-8", "replace"))


def _additional(plan: HeaderPlan, person: Person) -> list[bytes] | Unsaid:
    """What the attribute ``additionalHeaders`` says under the names that the application declared."""
    values: dict[str, str] = {}
    for attributes in (*person.inherited, person.subject.attributes):
        given = attributes.get("additionalHeaders")
        if given is None:
            continue
        if not isinstance(given, Mapping):
            return Unsaid("additional_headers", "The attribute additionalHeaders is no object of names and texts.")
        folded = {str(name).lower(): value for name, value in given.items()}
        if len(folded) < len(given):
            return Unsaid("additional_headers", "The attribute additionalHeaders names a header twice.")
        for header in plan.additional:
            value = folded.get(header.lower())
            if isinstance(value, bool) or not isinstance(value, str | int | None):
                return Unsaid("additional_headers", f"The attribute additionalHeaders has no text for {header}.")
            if value is not None:
                values[header] = str(value)
    return [_line(header, values.get(header, "")) for header in plan.additional]


def _line(name: str, value: str) -> bytes:
    return f"{name}: {_CONTROL.sub('', value)}".encode("utf-8", "replace")
