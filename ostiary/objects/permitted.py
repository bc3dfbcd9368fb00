"""The single objects that permissions are given for: of one model, and there."""

from collections.abc import Mapping, Sequence
from typing import Any

from ostiary.directory import codenames
from ostiary.kit.errors import InvalidInput
from ostiary.objects.kind import Caller, Kind
from ostiary.storage.session import Reading


def known_model(label: str) -> codenames.Model:
    """The model of that label. Raises `permission.model_unknown`."""
    model = codenames.MODELS.get(label.lower())
    if model is None:
        raise InvalidInput(
            "permission.model_unknown",
            "model: permissions know no such model; write it as in authentik_core.user.",
            field="model",
        )
    return model


def one_model(names: Sequence[str], *, model: str | None, object_pk: str | None) -> str | None:
    """The label of the model that these permissions are of, if they are of one.

    Raises `permission.other_model` where they must be and are not, and what :func:`codenames.permission` refuses.
    """
    given = [codenames.permission(name, of_one_object=object_pk is not None) for name in names]
    labels = {one.model.label for one in given}
    if model is not None:
        labels.add(known_model(model).label)
    if len(labels) > 1 and (model is not None or object_pk is not None):
        raise InvalidInput(
            "permission.other_model", "permissions: they are not all of that one model.", field="permissions"
        )
    return next(iter(labels), None) if len(labels) == 1 else None


async def check_exists(
    r: Reading, kinds: Mapping[str, Kind], label: str, object_pk: str, caller: Caller | None
) -> None:
    """Raises `permission.object_unknown` if there is no such object, or this caller may not see it."""
    kind = kinds.get(label)
    if kind is None or not await objects(r, kind, [object_pk], caller):
        raise InvalidInput(
            "permission.object_unknown", "object_pk: there is no such object, or you may not see it.", field="object_pk"
        )


async def objects(r: Reading, kind: Kind, keys: Sequence[str], caller: Caller | None) -> Sequence[Any]:
    """The objects of these primary keys that the caller may see; nobody in particular sees all."""
    query = kind.every().where(kind.of_keys(keys))
    visible = await kind.visible(r, caller) if caller is not None else None
    return (await r.scalars(query if visible is None else query.where(visible))).all()
