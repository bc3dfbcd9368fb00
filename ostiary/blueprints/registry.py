"""Blueprints as a whole: planned, applied, and remembered with the objects that are theirs."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, delete, select

from ostiary.blueprints.apply import Applier, Outcome, Source, Touched
from ostiary.blueprints.changes import CHANGE, CREATE, DELETE
from ostiary.blueprints.models import BlueprintInstance, BlueprintObject
from ostiary.directory.models import RolePermission
from ostiary.directory.permissions import Permissions
from ostiary.directory.roles import Roles
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.objects.kind import Caller, Kind
from ostiary.storage.session import Database, Reading, Writing

ROOM = "blueprints"


class Blueprints:
    """The verbs. Whoever calls them may do everything."""

    def __init__(self, *, database: Database, clock: Clock, roles: Roles, kinds: Mapping[str, Kind]) -> None:
        self._database = database
        self._clock = clock
        self._roles = roles
        self._kinds = kinds

    async def plan(self, sources: Sequence[Source], *, by: Actor) -> Outcome:
        """What `apply` would do now: it is done, and then undone whole. Raises what `apply` raises."""
        outcome: list[Outcome] = []
        try:
            async with self._database.together() as w:
                outcome.append(await self._run(w, sources, by))
                raise _Planned
        except _Planned:
            return outcome[0]

    async def apply(self, sources: Sequence[Source], *, by: Actor) -> Outcome:
        """Applies all sources in one transaction. Raises `blueprint.invalid` and the codes of verbs that refuse."""
        async with self._database.together() as w:
            outcome = await self._run(w, sources, by)
            for source, touched in zip(sources, outcome.touched, strict=True):
                await self._remember(w, source, touched, outcome, by)
        return outcome

    async def _run(self, w: Writing, sources: Sequence[Source], by: Actor) -> Outcome:
        known = {
            name for row in await w.execute(select(BlueprintInstance.name, BlueprintInstance.path)) for name in row
        }
        known |= {name_of(source) for source in sources}
        caller = Caller(by.user_id, by.username or "", Permissions(superuser=True), by)

        async def permit(role_id: str, codename: str, pk: str) -> bool:
            held = select(RolePermission.id).where(
                RolePermission.role_id == role_id,
                RolePermission.codename == codename,
                RolePermission.object_pk == pk,
            )
            if await w.scalar(held) is not None:
                return False
            await self._roles.permit(role_id, [codename], object_pk=pk, by=by)
            return True

        return await Applier(w, self._kinds, caller, known=known.__contains__, permit=permit).run(sources)

    async def _remember(
        self, w: Writing, source: Source, touched: Sequence[Touched], outcome: Outcome, by: Actor
    ) -> None:
        blueprint = source.blueprint
        name = name_of(source)
        row = await w.scalar(select(BlueprintInstance).where(BlueprintInstance.name == name))
        if row is None:
            row = BlueprintInstance(name=name, path=blueprint.file)
            w.add(row)
        row.labels = dict(blueprint.labels)
        row.status = "successful"
        row.last_applied = self._clock.now()
        row.last_applied_hash = blueprint.hash
        await w.flush()
        await self._own(w, row.id, touched)
        done = [change.action for change in outcome.changes if change.where.rpartition(":")[0] == blueprint.file]
        if done:
            await record(
                w,
                self._clock,
                Action.MODEL_UPDATED,
                ROOM,
                by,
                model="blueprint",
                name=name,
                created=done.count(CREATE),
                changed=done.count(CHANGE),
                deleted=done.count(DELETE),
            )

    async def _own(self, w: Writing, blueprint_id: str, touched: Sequence[Touched]) -> None:
        """What it made or keeps is its own; what it found there and left alone is not, unless it made that once."""
        query = select(BlueprintObject).where(BlueprintObject.blueprint_id == blueprint_id)
        before = {(row.model, row.pk): row for row in await w.scalars(query)}
        now = {(one.model, one.pk): one for one in touched}
        for key, one in now.items():
            row = before.get(key)
            if row is not None:
                row.kept = one.kept
            elif one.kept or one.made:
                w.add(BlueprintObject(blueprint_id=blueprint_id, model=one.model, pk=one.pk, kept=one.kept))
        for model, pk in before.keys() - now.keys():
            await w.execute(
                delete(BlueprintObject).where(
                    BlueprintObject.blueprint_id == blueprint_id,
                    BlueprintObject.model == model,
                    BlueprintObject.pk == pk,
                )
            )


class _Planned(Exception):
    """Undoes what was only to be seen."""


def name_of(source: Source) -> str:
    """What a blueprint is remembered by: the name it is kept by, else its metadata's, else its file's."""
    return source.instance or source.blueprint.name or source.blueprint.file


async def owners(
    r: Reading, model: str, pks: Sequence[str], visible: ColumnElement[bool] | None = None
) -> dict[str, list[tuple[str, bool]]]:
    """For each of these objects that has any, the names of its blueprints, and whether they keep it as it is; only of
    the ``visible`` blueprints, if not all are.
    """
    query = (
        select(BlueprintObject.pk, BlueprintInstance.name, BlueprintObject.kept)
        .join(BlueprintInstance, BlueprintInstance.id == BlueprintObject.blueprint_id)
        .where(BlueprintObject.model == model.lower(), BlueprintObject.pk.in_(pks))
        .order_by(BlueprintInstance.name)
    )
    if visible is not None:
        query = query.where(visible)
    found: dict[str, list[tuple[str, bool]]] = {}
    for pk, name, kept in await r.execute(query):
        found.setdefault(pk, []).append((name, kept))
    return found
