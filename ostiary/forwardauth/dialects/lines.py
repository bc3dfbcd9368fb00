"""Cuts the few headers that a dialect reads out of a raw request head, and refuses one that could be read in two ways.

The head has been found well-formed by the HTTP parser before it comes here (RFC 9112); this only finds lines in it.
"""

import re
from collections.abc import Callable, Sequence

OWS = b" \t"
"""Optional whitespace, which a cut value may still have behind it (RFC 9110 section 5.6.3)."""


class Refused(Exception):
    """A head that is not answered as a question, for a stable reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def cutter(*names: str) -> Callable[[bytes], list[bytes | None]]:
    """Makes the function that cuts ``Cookie`` and these headers out of a head, in that order.

    Several Cookie lines are joined. It raises `Refused` for a second copy of any other, in any case or spelling: a name
    with an underscore or a dot for a dash is caught too, since servers that fold them would see a second copy.
    """
    spelled = ("Cookie", *names)
    lines = re.compile(rf"\n({_any_of(spelled)}):[ \t]*([^\r]*)".encode(), re.IGNORECASE)
    slots = {form.encode(): slot for slot, name in enumerate(spelled) for form in (name, name.lower())}
    width = len(spelled)

    def cut(head: bytes) -> list[bytes | None]:
        found: list[bytes | None] = [None] * width
        for name, value in lines.findall(head):
            slot = slots.get(name)
            if slot is None:
                slot = slots.get(name.lower())
                if slot is None:
                    raise Refused("header_alias")
            before = found[slot]
            if before is None:
                found[slot] = value
            elif slot == 0:
                found[slot] = before + b"; " + value
            else:
                raise Refused("header_doubled")
        return found

    return cut


def _any_of(names: Sequence[str]) -> str:
    """An expression for these names in any spelling. Each first word stands once, before all that may follow it: tried
    one name after the other at every line of a head, this would cost more than all the rest of a check's reading."""
    follow: dict[str, list[str]] = {}
    for name in names:
        word, _, rest = name.partition("-")
        follow.setdefault(word, []).append(rest)
    return "|".join(
        word + (f"(?:[-_.](?:{_any_of([rest for rest in rests if rest])}))" + "?" * ("" in rests) if any(rests) else "")
        for word, rests in follow.items()
    )


def header(head: bytes, name: bytes) -> bytes | None:
    """The value of a header that decides nothing about who may enter; None if it is absent or doubled."""
    values = re.findall(rb"\r\n" + re.escape(name) + rb":[ \t]*([^\r]*)", head, re.IGNORECASE)
    return values[0].rstrip(OWS) if len(values) == 1 else None
