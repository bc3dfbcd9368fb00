"""Stored stages: made, changed, deleted. What is stored, its type has checked."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.flows.models import Stage
from ostiary.flows.stages.types import TYPES
from ostiary.flows.uses import Uses, flows_of
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.session import Database, Reading, Writing

ROOM: Final = "flows"
# An event takes a key that speaks of passwords for a secret.
_EVENT_NAMES: Final[Mapping[str, str]] = {"password_stage": "proof_stage", "allow_show_password": "allow_show"}


class Stages:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock, uses: Uses) -> None:
        self._database = database
        self._clock = clock
        self._uses = uses

    async def create(self, type_: str, name: str, values: Mapping[str, Any], *, by: Actor) -> Stage:
        """Raises `stage.*`."""
        if type_ not in TYPES:
            raise InvalidInput(
                "stage.type_unknown", f"type: there is no such stage; there are {', '.join(TYPES)}.", field="type"
            )
        config = TYPES[type_].made(values)
        stage = Stage(name=_name(name), type=type_, config=config)
        async with self._database.writing() as w:
            await _check_references(w, stage.type, config)
            w.add(stage)
            await _flush(w)
            about = {"model": "stage", "type": type_, "name": stage.name, "options": _shown(config)}
            await record(w, self._clock, Action.MODEL_CREATED, ROOM, by, **about)
        return stage

    async def update(
        self, name: str, values: Mapping[str, Any], *, new_name: str | None = None, by: Actor, force: bool = False
    ) -> Stage:
        """Changes what is given; a run that is at one of its flows begins anew.

        Raises `stage.*`, and `flow.locks_out` unless ``force``.
        """
        async with self._database.writing() as w:
            stage = await by_name(w, name)
            before = TYPES[stage.type].whole(stage.config) if stage.type in TYPES else {}
            config = (
                TYPES[stage.type].made(values, stage.config) if stage.type in TYPES else _untouchable(stage, values)
            )
            changes: dict[str, Any] = {
                key: [before.get(key), value] for key, value in config.items() if before.get(key) != value
            }
            await _check_references(w, stage.type, {key: config[key] for key in changes})
            fresh = stage.name if new_name is None else _name(new_name)
            if fresh != stage.name:
                changes["name"] = [stage.name, fresh]
            if not changes:
                return stage
            async with self._uses.held(w, await flows_of(w, [stage.id]), force=force):
                stage.config, stage.name = config, fresh
                await _flush(w)
            about = {"model": "stage", "type": stage.type, "name": name, "changes": _shown(changes)}
            await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, **about)
            return stage

    async def delete(self, name: str, *, by: Actor, force: bool = False) -> None:
        """Deletes a stage and its places in flows; where another stage refers to it, that is taken away.

        Raises `flow.locks_out` unless ``force``.
        """
        async with self._database.writing() as w:
            stage = await by_name(w, name)
            referring = await referring_to(w, stage)
            touched = await flows_of(w, [stage.id, *(other.id for other, _ in referring)])
            async with self._uses.held(w, touched, force=force):
                for other, option in referring:
                    other.config = {**other.config, option: None}
                    changes = _shown({option: [stage.id, None]})
                    about = {"model": "stage", "type": other.type, "name": other.name, "changes": changes}
                    await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, **about)
                await w.delete(stage)
            about = {"model": "stage", "type": stage.type, "name": name}
            await record(w, self._clock, Action.MODEL_DELETED, ROOM, by, flows=len(touched), **about)


async def by_name(r: Reading, name: str) -> Stage:
    """The stage of exactly that name. Raises `stage.not_found`."""
    stage = await r.scalar(select(Stage).where(Stage.name == _name(name)))
    if stage is None:
        raise NotFound("stage.not_found", "stage: there is no stage of that name.", field="stage")
    return stage


async def referring_to(r: Reading, stage: Stage) -> list[tuple[Stage, str]]:
    """The stages that refer to this one, each with the option in which it does."""
    kinds = {kind: names for kind, fields in TYPES.items() if (names := fields.references)}
    rows = await r.scalars(select(Stage).where(Stage.type.in_(kinds)).order_by(Stage.name))
    return [(row, option) for row in rows for option in kinds[row.type] if row.config.get(option) == stage.id]


async def _check_references(r: Reading, type_: str, config: Mapping[str, Any]) -> None:
    for option, wanted in TYPES[type_].references.items() if type_ in TYPES else ():
        if config.get(option) is None:
            continue
        found = await r.get(Stage, config[option])
        if found is None or found.type != wanted:
            raise InvalidInput(
                f"stage.{option}_invalid", f"{option}: there is no {wanted} stage of that id.", field=option
            )


def _untouchable(stage: Stage, values: Mapping[str, Any]) -> dict[str, Any]:
    if values:
        raise InvalidInput(
            "stage.field_unknown", f"A stage of type {stage.type} has no options.", field=next(iter(values))
        )
    return dict(stage.config)


def _shown(config: Mapping[str, Any]) -> dict[str, Any]:
    return {_EVENT_NAMES.get(key, key): value for key, value in config.items()}


def _name(text: Any) -> str:
    name = unicodedata.normalize("NFC", text).strip() if isinstance(text, str) else ""
    if not name or len(name) > 150 or not name.isprintable():
        raise InvalidInput(
            "stage.name_invalid",
            "name: use one line of 1 to 150 visible characters, such as my-password-stage.",
            field="name",
        )
    return name


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "stage.name_taken", "name: another stage has it already; choose another.", field="name"
        ) from error


async def listed(r: Reading) -> Sequence[Stage]:
    """All stages by name."""
    return (await r.scalars(select(Stage).order_by(Stage.name))).all()
