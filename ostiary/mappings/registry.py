"""Stored mappings: made, changed, deleted. What is stored compiles.

A mapping keeps its header for good. Applications rely on that name being set by us; another name is another mapping.
"""

import unicodedata
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound, Refused
from ostiary.kit.expressions import Compiler
from ostiary.kit.header_names import header_name
from ostiary.mappings.evaluate import VOCABULARY
from ostiary.mappings.models import PropertyMapping, ProviderMapping
from ostiary.storage.session import Database, Reading, Writing

ROOM = "mappings"
_LONGEST_NAME = 150
_LONGEST_DESCRIPTION = 1_000


class Mappings:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._compiler = Compiler(VOCABULARY)

    async def create(
        self, name: str, header: str, expression: str, *, description: str = "", by: Actor
    ) -> PropertyMapping:
        """Raises `mapping.name_taken`, `header.*` and `expression.*`."""
        mapping = PropertyMapping(
            name=_name(name),
            header=header_name(header, "header"),
            expression=self._compiler.compile_text(expression).text,
            description=_description(description),
            created=self._clock.now(),
        )
        async with self._database.writing() as w:
            w.add(mapping)
            await _flush(w)
            await record(
                w,
                self._clock,
                Action.MODEL_CREATED,
                ROOM,
                by,
                model="property_mapping",
                name=mapping.name,
                header=mapping.header,
                expression=expression,
            )
        return mapping

    async def update(
        self,
        name: str,
        *,
        new_name: str | None = None,
        expression: str | None = None,
        description: str | None = None,
        by: Actor,
    ) -> PropertyMapping:
        """Changes what is given; every application that uses the mapping follows at once."""
        new: dict[str, str] = {}
        if new_name is not None:
            new["name"] = _name(new_name)
        if expression is not None:
            new["expression"] = self._compiler.compile_text(expression).text
        if description is not None:
            new["description"] = _description(description)
        async with self._database.writing() as w:
            mapping = _ours_to_change(await by_name(w, name))
            changes = {
                key: [getattr(mapping, key), value] for key, value in new.items() if getattr(mapping, key) != value
            }
            for key in changes:
                setattr(mapping, key, new[key])
            if changes:
                await _flush(w)
                await record(
                    w, self._clock, Action.MODEL_UPDATED, ROOM, by, model="property_mapping", name=name, changes=changes
                )
            return mapping

    async def delete(self, name: str, *, by: Actor) -> None:
        """Deletes a mapping that nothing uses. Raises `mapping.in_use`."""
        async with self._database.writing() as w:
            mapping = _ours_to_change(await by_name(w, name))
            used = await uses(w, mapping)
            if used:
                raise Conflict(
                    "mapping.in_use",
                    f"mapping: {used} application{'' if used == 1 else 's'} would no longer set {mapping.header}, and"
                    " believe a visitor who sends it; take the mapping off them first.",
                    field="mapping",
                )
            await w.delete(mapping)
            await record(w, self._clock, Action.MODEL_DELETED, ROOM, by, model="property_mapping", name=mapping.name)


async def by_name(r: Reading, name: str) -> PropertyMapping:
    """The mapping of exactly that name. Raises `mapping.not_found`."""
    mapping = await r.scalar(select(PropertyMapping).where(PropertyMapping.name == _name(name)))
    if mapping is None:
        raise NotFound("mapping.not_found", f"mapping: there is none called {_name(name)}.", field="mapping")
    return mapping


async def listed(r: Reading) -> Sequence[PropertyMapping]:
    """All mappings by name."""
    return (await r.scalars(select(PropertyMapping).order_by(PropertyMapping.name))).all()


async def of_provider(r: Reading, provider_id: int) -> Sequence[PropertyMapping]:
    """What a provider uses, by name."""
    query = (
        select(PropertyMapping)
        .join(ProviderMapping, ProviderMapping.mapping_id == PropertyMapping.id)
        .where(ProviderMapping.provider_id == provider_id)
        .order_by(PropertyMapping.name)
    )
    return (await r.scalars(query)).all()


async def uses(r: Reading, mapping: PropertyMapping) -> int:
    """How many providers use a mapping."""
    return await r.scalar(select(func.count()).where(ProviderMapping.mapping_id == mapping.id)) or 0


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "mapping.name_taken", "name: another mapping has it already; choose another.", field="name"
        ) from error


def _ours_to_change(mapping: PropertyMapping) -> PropertyMapping:
    if mapping.managed is not None:
        raise Refused("mapping.managed", f"{mapping.name} comes with the installation and stays as it is.")
    return mapping


def _description(text: str) -> str:
    if len(text) > _LONGEST_DESCRIPTION or not text.isprintable():
        raise InvalidInput(
            "mapping.description_invalid",
            f"description: use one line of at most {_LONGEST_DESCRIPTION} visible characters.",
            field="description",
        )
    return text


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(
            "mapping.name_invalid",
            f"name: use one line of 1 to {_LONGEST_NAME} visible characters, such as team.",
            field="name",
        )
    return name
