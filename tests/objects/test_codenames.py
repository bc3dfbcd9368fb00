"""Kinds and permissions are held against each other: nothing can be permitted without effect, nothing without words."""

from typing import Any
from unittest.mock import MagicMock

import pytest

from ostiary.api.operations import able
from ostiary.directory.codenames import MODELS, PERMISSIONS, SUPERUSERS_ONLY
from ostiary.directory.permissions import Permissions
from ostiary.events.record import Actor
from ostiary.objects.kind import ADD, CHANGE, DELETE, VIEW, Caller, Kind
from ostiary.objects.kinds import all_kinds
from ostiary.storage.leftovers import PERMITTED

ROOMS: Any = MagicMock()
KINDS = all_kinds(ROOMS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_what_can_be_done_to_a_kind_can_be_permitted(kind: Kind) -> None:
    model = MODELS[kind.words.label]
    assert kind.codename(VIEW) in PERMISSIONS
    for verb in (ADD, CHANGE, DELETE):
        codename = kind.codename(verb)
        assert (codename in PERMISSIONS) is (verb in model.verbs)
        if kind.superusers_only:
            assert codename in SUPERUSERS_ONLY, "a role that held it could do nothing"


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_permissions_for_one_object_go_with_it(kind: Kind) -> None:
    if MODELS[kind.words.label].single:
        table = kind.table.__tablename__
        assert table in PERMITTED, "storage/leftovers.py clears up after deleted objects"
        number = kind.pk.type.python_type is int
        assert bool(PERMITTED[table]) is number
        assert not number or kind.words.label in PERMITTED[table]
        assert kind.pk.key == "id", "the triggers read this column"


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_all_permissions_together_are_not_a_superuser(kind: Kind) -> None:
    everything = Caller(7, "delegate", Permissions(everywhere=frozenset(PERMISSIONS)), Actor(7, "delegate"))
    for verb in (ADD, CHANGE, DELETE):
        assert not (kind.superusers_only and able(kind, verb).passes(everything))
