"""Stored flows: made, changed, deleted."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from ostiary.applications.models import Provider
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.flows.models import Flow
from ostiary.flows.uses import Uses
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.kit.given import refuse_unknown
from ostiary.storage.session import Database, Reading, Writing

ROOM: Final = "flows"
DESIGNATIONS: Final = (
    "authentication",
    "authorization",
    "invalidation",
    "enrollment",
    "unenrollment",
    "recovery",
    "stage_configuration",
)
AUTHENTICATIONS: Final = ("none", "require_authenticated", "require_unauthenticated", "require_superuser")
DENIED_ACTIONS: Final = ("message_continue", "message", "continue")
ENGINE_MODES: Final = ("any", "all")
_LATER: Final = ("require_redirect", "require_outpost", "require_token")
# authentik's own picture asks for nothing of ours.
_NO_PICTURE: Final = ("", "/static/dist/assets/images/flow_background.jpg")
_SLUG: Final = re.compile(r"[-a-zA-Z0-9_]{1,50}")
_FIELDS: Final = (
    "name",
    "slug",
    "title",
    "designation",
    "authentication",
    "denied_action",
    "policy_engine_mode",
    "compatibility_mode",
    "background",
    "layout",
)


class Flows:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock, uses: Uses) -> None:
        self._database = database
        self._clock = clock
        self.uses = uses

    async def create(self, values: Mapping[str, Any], *, by: Actor) -> Flow:
        """Makes a flow without stages. Raises `flow.*`."""
        checked = _checked(values)
        for field in ("name", "slug", "title", "designation"):
            if field not in checked:
                raise _invalid(field, "it is needed.")
        async with self._database.writing() as w:
            flow = Flow(**checked)
            w.add(flow)
            await _flush(w)
            await record(w, self._clock, Action.MODEL_CREATED, ROOM, by, model="flow", **checked)
        return flow

    async def update(self, slug: str, values: Mapping[str, Any], *, by: Actor, force: bool = False) -> Flow:
        """Changes what is given. Providers that use it follow a new slug.

        Raises `flow.*`; `flow.locks_out` and `flow.in_use` name who uses it, unless ``force``.
        """
        checked = _checked(values)
        async with self._database.writing() as w:
            flow = await by_slug(w, slug)
            changes = {
                key: [getattr(flow, key), value] for key, value in checked.items() if getattr(flow, key) != value
            }
            if not changes:
                return flow
            async with self.uses.held(w, [flow.id], force=force):
                if "slug" in changes:
                    await self._rename(w, flow, checked["slug"], force=force)
                for key in changes:
                    setattr(flow, key, checked[key])
                await _flush(w)
            await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, model="flow", slug=slug, changes=changes)
            return flow

    async def delete(self, slug: str, *, by: Actor, force: bool = False) -> None:
        """Deletes a flow that nobody uses; its stages stay. Raises `flow.in_use` unless ``force``."""
        async with self._database.writing() as w:
            flow = await by_slug(w, slug)
            users = [use.name for use in await self.uses.of(w, flow)]
            if users and not force:
                raise _in_use(flow, users, "deleted")
            await w.delete(flow)
            try:
                await w.flush()
            except IntegrityError as error:
                raise _in_use(flow, users or ["something that needs it"], "deleted") from error
            await record(w, self._clock, Action.MODEL_DELETED, ROOM, by, model="flow", slug=slug, used_by=users)

    async def _rename(self, w: Writing, flow: Flow, slug: str, *, force: bool) -> None:
        own = [use.name for use in await self.uses.of(w, flow) if not use.model_name]
        if own and not force:
            raise _in_use(flow, own, "renamed")
        for column in (Provider.authentication_flow, Provider.authorization_flow, Provider.invalidation_flow):
            await w.execute(update(Provider).where(column == flow.slug).values({column.key: slug}))


async def by_slug(r: Reading, slug: str) -> Flow:
    """The flow of that slug. Raises `flow.not_found`."""
    flow = await r.scalar(select(Flow).where(Flow.slug == slug)) if _SLUG.fullmatch(slug) else None
    if flow is None:
        raise NotFound("flow.not_found", "flow: there is no flow of that slug.", field="flow")
    return flow


async def listed(r: Reading) -> Sequence[Flow]:
    """All flows by slug."""
    return (await r.scalars(select(Flow).order_by(Flow.slug))).all()


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unknown("flow", "a flow", values, _FIELDS)
    checked: dict[str, Any] = {}
    for name in ("name", "title"):
        if name in values:
            checked[name] = _line(name, values[name])
    if "slug" in values:
        checked["slug"] = _slug(values["slug"])
    if values.get("authentication") in _LATER:
        raise _unsupported("authentication", f"{values['authentication']} is not supported yet.")
    for name, words in (
        ("designation", DESIGNATIONS),
        ("authentication", AUTHENTICATIONS),
        ("denied_action", DENIED_ACTIONS),
        ("policy_engine_mode", ENGINE_MODES),
    ):
        if name in values:
            if values[name] not in words:
                raise _invalid(name, f"it is one of {', '.join(words)}.")
            checked[name] = values[name]
    if "compatibility_mode" in values:
        if not isinstance(values["compatibility_mode"], bool):
            raise _invalid("compatibility_mode", "it is true or false.")
        checked["compatibility_mode"] = values["compatibility_mode"]
    if values.get("layout", "stacked") != "stacked":
        raise _unsupported("layout", "pages have one layout; leave it stacked.")
    if "background" in values:
        if values["background"] not in _NO_PICTURE:
            raise _unsupported("background", "flows have no picture of their own; leave it empty.")
        checked["background"] = values["background"]
    return checked


def _slug(value: Any) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise _invalid("slug", "use 1 to 50 letters, digits, - and _, such as my-sign-in.")
    return value


def _line(name: str, value: Any) -> str:
    text = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else ""
    if not text or len(text) > 150 or not text.isprintable():
        raise _invalid(name, "use one line of 1 to 150 visible characters.")
    return text


def _invalid(field: str, fault: str) -> InvalidInput:
    return InvalidInput(f"flow.{field}_invalid", f"{field}: {fault}", field=field)


def _unsupported(field: str, fault: str) -> InvalidInput:
    return InvalidInput("flow.not_supported_yet", f"{field}: {fault}", field=field)


def _in_use(flow: Flow, users: Sequence[str], done: str) -> Conflict:
    names = ", ".join(users[:5]) + (f" and {len(users) - 5} more" if len(users) > 5 else "")
    return Conflict("flow.in_use", f"The flow {flow.slug} cannot be {done}: it is used by {names}.")


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict("flow.slug_taken", "slug: another flow has it already; choose another.", field="slug") from error
