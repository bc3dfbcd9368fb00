"""What clients receive has exactly authentik's keys.

The Python client ignores a key that it does not know; the Go client, and with it the Terraform provider, refuses the
whole answer (`DisallowUnknownFields`). Both refuse an answer without a required key.
"""

import typing
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import authentik_client
import pytest
from pydantic import BaseModel

from ostiary.objects.kind import Kind, Shown
from ostiary.objects.kinds import all_kinds
from tests.api.surface import surface

ROOMS: Any = MagicMock()
KINDS = all_kinds(ROOMS)


def called(model: type[BaseModel]) -> str:
    """What clients call a shape."""
    return str(model.model_config.get("title") or model.__name__)


def inside(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in typing.get_args(annotation):
        yield from inside(one)


def shapes(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """A model and all below it, by name."""
    found: dict[str, type[BaseModel]] = {}
    waiting = [model]
    while waiting:
        one = waiting.pop()
        if found.setdefault(called(one), one) is one:
            waiting += [
                below
                for field in one.model_fields.values()
                for below in inside(field.annotation)
                if below not in found.values()
            ]
    return found


def every(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """All models that are made of this one."""
    for one in model.__subclasses__():
        yield one
        yield from every(one)


def exactly(ours: type[BaseModel], name: str) -> None:
    """Holds a model against authentik's of that name, if there is one."""
    theirs = getattr(authentik_client, name, None)
    if theirs is None:
        return
    known = {info.alias or field: info for field, info in theirs.model_fields.items()}
    assert set(ours.model_fields) <= set(known), f"{name}: strict clients refuse other keys"
    required = {field for field, info in known.items() if info.is_required()}
    assert required <= set(ours.model_fields), f"{name}: clients refuse an answer without these"


def test_whatever_is_called_like_an_answer_of_authentik_has_its_keys() -> None:
    surface()
    models = [one for one in every(Shown) if hasattr(authentik_client, one.__name__)]
    assert len(models) > len(KINDS)
    for model in models:
        exactly(model, model.__name__)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_answers_have_exactly_the_keys_of_authentik(kind: Kind) -> None:
    assert hasattr(authentik_client, called(kind.shown)), "a shape is called like authentik's"
    for name, ours in shapes(kind.shown).items():
        exactly(ours, name)
