"""Regular expressions that administrators write, in RE2 (github.com/google/re2): matching takes linear time, always.

A pattern here meets a whole text or does not meet it. Text that merely contains what the pattern describes is not met,
so a pattern can say less than was meant, never more.
"""

from typing import Any

import re2

from ostiary.kit.errors import InvalidInput

LONGEST = 500
"""Characters of a pattern."""
_MEMORY = 1 << 20


class Pattern:
    """A compiled pattern; immutable."""

    def __init__(self, text: str, compiled: Any) -> None:
        self.text = text
        self._compiled = compiled

    def meets(self, text: str) -> bool:
        """Whether all of ``text`` is what the pattern describes."""
        return self._compiled.fullmatch(text) is not None


def compile_pattern(text: str, field: str) -> Pattern:
    """The pattern, ready to use. Raises `pattern.invalid`, `pattern.too_long`."""
    if len(text) > LONGEST:
        raise InvalidInput(
            "pattern.too_long", f"{field}: a regular expression may have {LONGEST} characters.", field=field
        )
    if not text.isprintable():
        raise InvalidInput(
            "pattern.invalid", f"{field}: the regular expression holds characters that cannot be seen.", field=field
        )
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return Pattern(text, re2.compile(text, options))
    except (re2.error, UnicodeEncodeError) as error:
        raise InvalidInput(
            "pattern.invalid",
            f"{field}: `{text}` is no regular expression of RE2, which knows no look-around and no back-reference, or"
            " it repeats too much.",
            field=field,
        ) from error


def anchored(text: str) -> bool:
    """Whether a pattern says of itself that it means a whole text: from ``^`` to ``$``, around all its alternatives."""
    return text.startswith("^") and _ends(text) and not _has_alternatives(text)


def anchored_form(text: str) -> str:
    """The pattern with the anchors that it lacks."""
    body = text.removeprefix("^")
    if _ends(body):
        body = body[:-1]
    return f"^(?:{body})$" if _has_alternatives(body) else f"^{body}$"


def _ends(text: str) -> bool:
    """Whether it ends with a ``$`` that is no escaped character."""
    before = text[:-1]
    return text.endswith("$") and (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _has_alternatives(text: str) -> bool:
    """Whether there is a ``|`` outside every group and class."""
    depth, i = 0, 0
    while i < len(text):
        sign = text[i]
        if text.startswith("\\Q", i):
            end = text.find("\\E", i)
            i = len(text) if end < 0 else end
        elif sign == "\\":
            i += 1
        elif sign == "[":
            i = _after_class(text, i)
            continue
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
        elif sign == "|" and depth <= 0:
            return True
        i += 1
    return False


def _after_class(text: str, i: int) -> int:
    i += 1
    if text[i : i + 1] == "^":
        i += 1
    if text[i : i + 1] == "]":
        i += 1
    while i < len(text) and text[i] != "]":
        end = text.find(":]", i + 2) if text.startswith("[:", i) else -1
        i = end + 2 if end > 0 else i + (2 if text[i] == "\\" else 1)
    return i + 1
