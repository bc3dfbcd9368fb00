"""Who is bound to an application: people, groups and policies, in order.

The first binding closes an application that was open to everyone, and so does every later one: whoever adds one means
it to decide. Taking the last one away opens nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select

from ostiary.applications.models import Application
from ostiary.directory.models import Group, User
from ostiary.directory.users import by_username, group_named
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.policies.bindings import Bindable, check_fields, refuse_password_policy
from ostiary.policies.engine import Kind
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.policies.registry import by_name
from ostiary.storage.session import Database, Reading, Writing

ROOM = "applications"


@dataclass(frozen=True)
class Target:
    """Whom or what a binding names: a username, a group's name or a policy's name; nothing if that was deleted."""

    kind: Kind
    name: str


LOST: Final = Target(Kind.LOST, "")
"""What all bindings name whose own was deleted."""


@dataclass(frozen=True)
class Bound:
    """A binding with what it names, and the policy if it names one."""

    binding: PolicyBinding
    target: Target
    policy: Policy | None = None


class Bindings:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put(
        self,
        slug: str,
        *targets: Target,
        order: int | None = None,
        negate: bool | None = None,
        enabled: bool | None = None,
        expires: datetime | None = None,
        by: Actor,
    ) -> None:
        """Binds each target, or changes what is given of its binding that is there; all of them or none.

        Raises `application.not_found`, `user.not_found` and its like, `binding.*`.
        """
        given = {"order": order, "negate": negate, "enabled": enabled, "expires": expires}
        fields = {key: value for key, value in given.items() if value is not None}
        async with self._database.writing() as w:
            application = await application_of(w, slug)
            for target in targets:
                binding = await _existing(w, application, target)
                if binding is None:
                    await bind_in(w, self._clock, application, target, fields, by=by)
                    continue
                check_fields(fields, self._clock)
                changes = {key: [str(getattr(binding, key)), str(value)] for key, value in fields.items()}
                for key, value in fields.items():
                    setattr(binding, key, value)
                await self._record(w, Action.MODEL_UPDATED, slug, target, by, changes=changes)

    async def remove(self, slug: str, *targets: Target, by: Actor) -> None:
        """Takes these bindings away, all of them or none. Raises `binding.not_found`."""
        async with self._database.writing() as w:
            application = await application_of(w, slug)
            for target in targets:
                if target == LOST:
                    await self._remove_lost(w, application, by)
                    continue
                binding = await _existing(w, application, target)
                if binding is None:
                    raise NotFound(
                        "binding.not_found", f"{target.kind}: {target.name} is not bound to {slug}.", field=target.kind
                    )
                await w.delete(binding)
                await self._record(w, Action.MODEL_DELETED, slug, target, by)

    async def _remove_lost(self, w: Writing, application: Application, by: Actor) -> None:
        named = (PolicyBinding.user_id, PolicyBinding.group_id, PolicyBinding.policy_id)
        query = select(PolicyBinding).where(
            PolicyBinding.application_id == application.id, *(column.is_(None) for column in named)
        )
        lost = (await w.scalars(query)).all()
        if not lost:
            raise NotFound("binding.not_found", f"deleted: {application.slug} has no binding of that kind.")
        for binding in lost:
            await w.delete(binding)
            await self._record(w, Action.MODEL_DELETED, application.slug, LOST, by)

    async def _record(self, w: Writing, action: Action, slug: str, target: Target, by: Actor, **more: Any) -> None:
        subject = {"application": slug, "kind": str(target.kind), "name": target.name}
        await record(w, self._clock, action, ROOM, by, model="policy_binding", **subject, **more)


async def bind_in(
    w: Writing, clock: Clock, application: Application, target: Target, fields: Mapping[str, Any], *, by: Actor
) -> PolicyBinding:
    """Binds within the caller's transaction. ``fields`` are of order, negate, enabled, expires."""
    check_fields(fields, clock)
    column, key = await _subject(w, target)
    if await _existing(w, application, target) is not None:
        raise Conflict(
            "binding.exists", f"{target.kind}: {target.name} is bound to {application.slug} already.", field=target.kind
        )
    subject: dict[str, Any] = {column: key}
    binding = PolicyBinding(application_id=application.id, **subject, **fields)
    w.add(binding)
    application.access = "bound"
    await w.flush()
    shown = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}
    await record(
        w,
        clock,
        Action.MODEL_CREATED,
        ROOM,
        by,
        model="policy_binding",
        application=application.slug,
        kind=str(target.kind),
        name=target.name,
        **shown,
    )
    return binding


async def application_of(r: Reading, slug: str) -> Application:
    """The application of that slug. Raises `application.not_found`."""
    application = await r.scalar(select(Application).where(Application.slug == slug))
    if application is None:
        raise NotFound(
            "application.not_found", "application: there is no application of that slug.", field="application"
        )
    return application


async def bindings_of(r: Reading, application_id: str) -> Sequence[Bound]:
    """An application's bindings in the order that they are asked."""
    return await bindings_where(r, PolicyBinding.application_id == application_id)


async def all_bindings(r: Reading) -> dict[str, list[Bound]]:
    """The bindings of every application, by its id, in the order that they are asked."""
    found: dict[str, list[Bound]] = {}
    for bound in await bindings_where(r, PolicyBinding.application_id.is_not(None)):
        found.setdefault(bound.binding.application_id or "", []).append(bound)
    return found


async def bindings_where(r: Reading, target: ColumnElement[bool]) -> Sequence[Bound]:
    """The bindings of whatever this condition names, in the order that they are asked."""
    query = (
        select(PolicyBinding, User.username, Group.name, Policy.name, Policy)
        .outerjoin(User, User.id == PolicyBinding.user_id)
        .outerjoin(Group, Group.id == PolicyBinding.group_id)
        .outerjoin(Policy, Policy.id == PolicyBinding.policy_id)
        .where(target)
        .order_by(PolicyBinding.order, PolicyBinding.id)
    )
    return [
        Bound(binding, _target(username, group, name), policy)
        for binding, username, group, name, policy in await r.execute(query)
    ]


async def _name_of(r: Reading, application_id: str) -> str | None:
    name: str | None = await r.scalar(select(Application.slug).where(Application.id == application_id))
    return name


async def _close(w: Writing, application_id: str) -> None:
    application = await w.get(Application, application_id)
    if application is not None:
        application.access = "bound"


BINDABLE: Final = Bindable("application_id", "application", _name_of, _close)
"""Applications, for whoever binds by id."""


def _target(username: str | None, group: str | None, policy: str | None) -> Target:
    if username is not None:
        return Target(Kind.USER, username)
    if group is not None:
        return Target(Kind.GROUP, group)
    return Target(Kind.POLICY, policy) if policy is not None else LOST


async def _subject(r: Reading, target: Target) -> tuple[str, int | str]:
    if target == LOST:
        raise InvalidInput("binding.target_missing", "A binding names a user, a group or a policy.")
    if target.kind == Kind.USER:
        return "user_id", (await by_username(r, target.name)).id
    if target.kind == Kind.GROUP:
        return "group_id", (await group_named(r, target.name)).id
    policy = await by_name(r, target.name)
    refuse_password_policy(policy)
    return "policy_id", policy.id


async def _existing(w: Writing, application: Application, target: Target) -> PolicyBinding | None:
    column, key = await _subject(w, target)
    query = select(PolicyBinding).where(
        PolicyBinding.application_id == application.id, getattr(PolicyBinding, column) == key
    )
    found: PolicyBinding | None = await w.scalar(query.limit(1))
    return found
