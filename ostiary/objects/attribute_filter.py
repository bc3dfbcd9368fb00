"""The filter ``attributes`` of lists: objects whose attributes hold all that a JSON object says."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, true

from ostiary.kit.errors import InvalidInput
from ostiary.objects.kind import Filter, storable

_NAME: Final = re.compile(r"[^\"\\\0]{1,200}")
_LARGEST: Final = 2**53
_DEEPEST: Final = 8
_MOST: Final = 20


def holds(column: Any) -> Filter:
    """Such as ``?attributes={"office": {"room": "12"}}``; values are texts, numbers and truths."""

    def condition(text: str) -> ColumnElement[bool]:
        try:
            wanted = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _unusable() from error
        if not isinstance(wanted, dict) or not storable(wanted):
            raise _unusable()
        found = list(_equal(column, (), wanted))
        if len(found) > _MOST:
            raise _unusable()
        return and_(true(), *found)

    return Filter(str, condition)


def _equal(column: Any, path: tuple[str, ...], wanted: Mapping[str, Any]) -> Iterator[ColumnElement[bool]]:
    if len(path) >= _DEEPEST:
        raise _unusable()
    for name, value in wanted.items():
        if not _NAME.fullmatch(name):
            raise _unusable()
        place = column[(*path, name)]
        if isinstance(value, dict):
            yield from _equal(column, (*path, name), value)
        elif isinstance(value, bool):
            yield place.as_boolean() == value
        elif isinstance(value, str):
            yield place.as_string() == value
        elif isinstance(value, int | float) and abs(value) < _LARGEST:
            # As text, because what stands there may be no number at all.
            yield place.as_string() == json.dumps(value)
        else:
            raise _unusable()


def _unusable() -> InvalidInput:
    return InvalidInput(
        "filter.attributes_unusable",
        'attributes: write a small JSON object of texts, numbers and truths, such as {"room": "12"}.',
        field="attributes",
    )
