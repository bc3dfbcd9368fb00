"""What a mapping answers for a person, free of input and output.

An answer is a text, or a list of texts that is joined. Whatever goes wrong is no answer: an application that was told
nothing would take for absent what merely could not be said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ostiary.directory.vocabulary import PERSON
from ostiary.kit.expressions import Failed, TextExpression, Vocabulary

VOCABULARY = Vocabulary(PERSON)
"""What an expression may read: the person alone, so that its answer holds until the person changes."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping ready to use. ``expression`` is None for one that could not be compiled: it fails."""

    name: str
    header: str
    expression: TextExpression | None


def evaluate(mapping: Mapped, person: Mapping[str, Any], separator: str) -> str:
    """The value of a mapping's header for a person, told by the names of ``VOCABULARY``; raises `Failed`.

    A list is joined by ``separator``, which none of its texts may hold: two would read as three.
    """
    if mapping.expression is None:
        raise Failed("it cannot be read")
    answer = mapping.expression.evaluate(person)
    if isinstance(answer, str):
        return answer
    if any(separator in text for text in answer):
        raise Failed(f"a text of its list holds {separator}, by which they are joined")
    return separator.join(answer)
