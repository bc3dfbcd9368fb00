"""Outposts: made, changed, deleted. The embedded one stays."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ostiary.applications.models import Provider
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.outposts import fields
from ostiary.outposts.config import checked
from ostiary.outposts.models import Outpost, OutpostProvider, ServiceConnection
from ostiary.storage.session import Database, Reading, Writing

ROOM: Final = "outposts"
TYPES: Final = ("proxy", "ldap", "radius", "rac")
_EXISTING: Final = ("proxy",)


class Outposts:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self,
        name: str,
        *,
        type: str = "proxy",  # noqa: A002 - authentik's word
        providers: Sequence[int] = (),
        config: Mapping[str, Any] | None = None,
        service_connection: str | None = None,
        by: Actor,
    ) -> Outpost:
        """``providers`` are ids. Raises `outpost.*`."""
        outpost = Outpost(
            name=fields.name(name, "outpost"),
            type=_type(type),
            config=checked({} if config is None else config),
            service_connection_id=service_connection,
        )
        async with self._database.writing() as w:
            await _check_connection(w, service_connection)
            w.add(outpost)
            await _flush(w)
            await _serve(w, outpost, providers)
            await self._record(w, Action.MODEL_CREATED, outpost, by, providers=sorted(set(providers)))
        return outpost

    async def update(self, outpost_id: str, values: Mapping[str, Any], *, by: Actor) -> Outpost:
        """Changes the given fields of `create`. Raises `outpost.*`."""
        async with self._database.writing() as w:
            outpost = await w.get(Outpost, outpost_id, with_for_update=True, populate_existing=True)
            if outpost is None:
                raise _not_found()
            before = await providers_of(w, [outpost.id])
            new: dict[str, Any] = {}
            if "name" in values:
                new["name"] = fields.name(values["name"], "outpost")
            if "type" in values:
                new["type"] = _type(values["type"])
            if "config" in values:
                new["config"] = checked(values["config"])
            if "service_connection" in values:
                new["service_connection_id"] = values["service_connection"]
                await _check_connection(w, values["service_connection"])
            changes = {key: [getattr(outpost, key), one] for key, one in new.items() if getattr(outpost, key) != one}
            if "config" in changes:
                # Its keys alone: annotations and labels below them may be called anything.
                old, now = changes["config"]
                changes["config"] = sorted(key for key in {*old, *now} if old.get(key) != now.get(key))
            for key in changes:
                setattr(outpost, key, new[key])
            await _flush(w)
            served = before.get(outpost.id, [])
            wanted = values.get("providers", served)
            await _serve(w, outpost, wanted)
            if sorted(set(wanted)) != served:
                changes["providers"] = [served, sorted(set(wanted))]
            if changes:
                await self._record(w, Action.MODEL_UPDATED, outpost, by, changes=changes)
            return outpost

    async def delete(self, outpost_id: str, *, by: Actor) -> None:
        """Deletes an outpost. Raises `outpost.embedded_stays`."""
        async with self._database.writing() as w:
            outpost = await w.get(Outpost, outpost_id, with_for_update=True)
            if outpost is None:
                raise _not_found()
            if outpost.managed is not None:
                raise Conflict(
                    "outpost.embedded_stays",
                    f"{outpost.name} is this installation itself and cannot be deleted.",
                )
            await w.delete(outpost)
            await self._record(w, Action.MODEL_DELETED, outpost, by)

    async def _record(self, w: Writing, action: Action, outpost: Outpost, by: Actor, **context: Any) -> None:
        await record(w, self._clock, action, ROOM, by, model="outpost", pk=outpost.id, name=outpost.name, **context)


async def by_name(r: Reading, name: str) -> Outpost:
    """The outpost of exactly that name. Raises `outpost.not_found`."""
    outpost = await r.scalar(select(Outpost).where(Outpost.name == fields.name(name, "outpost")))
    if outpost is None:
        raise _not_found()
    return outpost


async def listed(r: Reading) -> Sequence[Outpost]:
    """All outposts by name."""
    return (await r.scalars(select(Outpost).order_by(Outpost.name))).all()


async def providers_of(r: Reading, outpost_ids: Sequence[str]) -> dict[str, list[int]]:
    """Outpost → the ids of the providers that are listed there, ascending."""
    found: dict[str, list[int]] = {}
    query = select(OutpostProvider).where(OutpostProvider.outpost_id.in_(outpost_ids))
    for row in await r.scalars(query.order_by(OutpostProvider.provider_id)):
        found.setdefault(row.outpost_id, []).append(row.provider_id)
    return found


def token_identifier(outpost: Outpost) -> str:
    """What authentik's outposts call their token. None of ours has one: nothing signs in with it yet."""
    return f"ak-outpost-{outpost.id}-api"


async def _serve(w: Writing, outpost: Outpost, providers: Sequence[int]) -> None:
    wanted = set(providers)
    types = dict((await w.execute(select(Provider.id, Provider.type).where(Provider.id.in_(wanted)))).all())
    for provider_id in sorted(wanted):
        if provider_id not in types:
            raise InvalidInput(
                "outpost.provider_unknown", f"providers: there is no provider {provider_id}.", field="providers"
            )
        if types[provider_id] != outpost.type:
            raise InvalidInput(
                "outpost.provider_type",
                f"providers: {provider_id} is a provider of type {types[provider_id]}, the outpost of {outpost.type}.",
                field="providers",
            )
    before = set((await providers_of(w, [outpost.id])).get(outpost.id, []))
    for gone in before - wanted:
        await w.delete(await w.get_one(OutpostProvider, (outpost.id, gone)))
    w.add_all(OutpostProvider(outpost_id=outpost.id, provider_id=new) for new in sorted(wanted - before))
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "outpost.provider_unknown", "providers: one of them was deleted meanwhile.", field="providers"
        ) from error


async def _check_connection(w: Writing, connection_id: str | None) -> None:
    if (
        connection_id is not None
        and await w.get(ServiceConnection, connection_id, with_for_update={"read": True}) is None
    ):
        raise InvalidInput(
            "outpost.service_connection_unknown",
            "service_connection: there is no such service connection.",
            field="service_connection",
        )


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "outpost.name_taken", "name: another outpost has it already; choose another.", field="name"
        ) from error


def _type(text: str) -> str:
    if text not in TYPES:
        raise InvalidInput("outpost.type_invalid", f"type: it is one of {', '.join(TYPES)}.", field="type")
    if text not in _EXISTING:
        raise InvalidInput(
            "outpost.not_supported_yet",
            f"type: nothing answers as {text} yet; an outpost is of type proxy.",
            field="type",
        )
    return text


def _not_found() -> NotFound:
    return NotFound("outpost.not_found", "outpost: there is no outpost of that name.", field="outpost")
