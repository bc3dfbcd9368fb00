"""Bindings by id: a user, group or policy bound to anything that can be bound to.

What that is – applications, flows, the places of stages in flows – are rooms above this one; each tells how its objects
are found, and what it means to them when something is bound.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from ostiary.directory.models import Group, User
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.storage.session import Database, Reading, Writing

ROOM: Final = "policies"
HIGHEST_ORDER: Final = 1_000_000
_LONGEST_TIMEOUT = 2**31 - 1

SUBJECTS: Final[Mapping[str, Any]] = {"policy_id": Policy, "group_id": Group, "user_id": User}
"""Of which column each type of subject is."""
WORDS: Final[Mapping[str, str]] = {"policy_id": "policy", "group_id": "group", "user_id": "user"}


@dataclass(frozen=True)
class Bindable:
    """A type of object that things can be bound to.

    ``column`` is its column of the bindings, ``word`` what events call it. ``name`` answers what an object of that id
    is called, None if there is none; ``bound`` is told, in the same transaction, that something is bound to it.
    """

    column: str
    word: str
    name: Callable[[Reading, str], Awaitable[str | None]]
    bound: Callable[[Writing, str], Awaitable[None]] | None = None
    held: Callable[[Writing, str], AbstractAsyncContextManager[None]] | None = None
    """Around a change of its bindings; refuses what would do harm."""


class PolicyBindings:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock, bindable: Sequence[Bindable]) -> None:
        self._database = database
        self._clock = clock
        self._bindable = tuple(bindable)

    async def create(
        self, target: str, subject: tuple[str, Any], fields: Mapping[str, Any], *, by: Actor
    ) -> PolicyBinding:
        """Binds a subject (a column of ``SUBJECTS`` and the key) to the object of that id.

        Raises `binding.*`.
        """
        check_fields(fields, self._clock)
        async with self._database.writing() as w:
            kind, name = await self._target(w, target)
            binding = PolicyBinding(**{kind.column: target}, **fields)
            who = await self._take_subject(w, binding, subject)
            await self._alone(w, binding)
            async with self._held(w, target):
                w.add(binding)
                await self._bound(w, kind, target)
                await w.flush()
            shown = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}
            await self._record(w, Action.MODEL_CREATED, by, {kind.word: name, **who}, **shown)
            return binding

    async def update(
        self,
        binding_id: str,
        fields: Mapping[str, Any],
        *,
        target: str | None = None,
        subject: tuple[str, Any] | None = None,
        by: Actor,
    ) -> None:
        """Changes what is given."""
        check_fields(fields, self._clock)
        async with self._database.writing() as w:
            binding = await w.get(PolicyBinding, binding_id, with_for_update=True, populate_existing=True)
            if binding is None:
                raise NotFound("binding.not_found", "There is no such binding.")
            before = {**await self._told(w, binding), **_values(binding)}
            async with self._held(w, binding.target_id, target or binding.target_id):
                await self._set(w, binding, fields, target, subject)
                told = await self._told(w, binding)
            after = {**told, **_values(binding)}
            changes = {
                key: [_shown(before.get(key)), _shown(after.get(key))]
                for key in {**before, **after}
                if before.get(key) != after.get(key)
            }
            if changes:
                await w.flush()
                await self._record(w, Action.MODEL_UPDATED, by, told, changes=changes)

    async def delete(self, binding_id: str, *, by: Actor) -> None:
        """Takes a binding away. Without any, a bound application is closed to all."""
        async with self._database.writing() as w:
            binding = await w.get(PolicyBinding, binding_id, populate_existing=True)
            if binding is None:
                raise NotFound("binding.not_found", "There is no such binding.")
            told = await self._told(w, binding)
            async with self._held(w, binding.target_id):
                await w.delete(binding)
                await w.flush()
            await self._record(w, Action.MODEL_DELETED, by, told)

    async def _set(
        self,
        w: Writing,
        binding: PolicyBinding,
        fields: Mapping[str, Any],
        target: str | None,
        subject: tuple[str, Any] | None,
    ) -> None:
        with w.no_autoflush:
            if target is not None and target != binding.target_id:
                kind, _ = await self._target(w, target)
                for other in self._bindable:
                    setattr(binding, other.column, target if other is kind else None)
                await self._bound(w, kind, target)
            if subject is not None:
                await self._take_subject(w, binding, subject)
            for key, value in fields.items():
                setattr(binding, key, value)
            await self._alone(w, binding)
        await w.flush()

    @asynccontextmanager
    async def _held(self, w: Writing, *targets: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for target in dict.fromkeys(targets):
                kind, _ = await self._target(w, target)
                if kind.held is not None:
                    await stack.enter_async_context(kind.held(w, target))
            yield

    async def _target(self, r: Reading, target: str) -> tuple[Bindable, str]:
        for kind in self._bindable:
            name = await kind.name(r, target)
            if name is not None:
                return kind, name
        raise InvalidInput(
            "binding.target_unknown",
            "target: there is no application, flow or flow stage binding of that id.",
            field="target",
        )

    async def _bound(self, w: Writing, kind: Bindable, target: str) -> None:
        if kind.bound is not None:
            await kind.bound(w, target)

    async def _take_subject(self, w: Writing, binding: PolicyBinding, subject: tuple[str, Any]) -> dict[str, str]:
        column, key = subject
        found = await w.get(SUBJECTS[column], key)
        word = WORDS[column]
        if found is None:
            raise InvalidInput("binding.subject_unknown", f"{word}: there is no such object.", field=word)
        if isinstance(found, Policy):
            refuse_password_policy(found)
        for other in SUBJECTS:
            setattr(binding, other, key if other == column else None)
        return {"kind": word, "name": found.username if isinstance(found, User) else found.name}

    async def _alone(self, w: Writing, binding: PolicyBinding) -> None:
        """Refuses a second binding of the same to the same: who takes one away would leave the other in force."""
        same = [
            column == getattr(binding, column.key)
            for column in (
                PolicyBinding.application_id,
                PolicyBinding.flow_id,
                PolicyBinding.stage_binding_id,
                PolicyBinding.user_id,
                PolicyBinding.group_id,
                PolicyBinding.policy_id,
            )
        ]
        named = [word for column, word in WORDS.items() if getattr(binding, column) is not None]
        if not named:
            return
        other = await w.scalar(select(PolicyBinding.id).where(*same, PolicyBinding.id != (binding.id or "")))
        if other is not None:
            raise Conflict("binding.exists", f"{named[0]}: it is bound to this target already.", field=named[0])

    async def _told(self, r: Reading, binding: PolicyBinding) -> dict[str, str]:
        """Names of what a binding ties together, for events."""
        _, name = await self._target(r, binding.target_id)
        kind = next(one for one in self._bindable if getattr(binding, one.column) is not None)
        for column, model in SUBJECTS.items():
            key = getattr(binding, column)
            found = None if key is None else await r.get(model, key)
            if found is not None:
                told = found.username if isinstance(found, User) else found.name
                return {kind.word: name, "kind": WORDS[column], "name": told}
        return {kind.word: name, "kind": "lost", "name": ""}

    async def _record(self, w: Writing, action: Action, by: Actor, told: Mapping[str, Any], **more: Any) -> None:
        await record(w, self._clock, action, ROOM, by, model="policy_binding", **told, **more)


def check_fields(fields: Mapping[str, Any], clock: Clock) -> None:
    """Refuses what no binding may be. Raises `binding.*`."""
    order, timeout = fields.get("order", 0), fields.get("timeout", 0)
    if not isinstance(order, int) or not 0 <= order <= HIGHEST_ORDER:
        raise InvalidInput("binding.order_invalid", f"order: use a number from 0 to {HIGHEST_ORDER}.", field="order")
    if not isinstance(timeout, int) or not 0 <= timeout <= _LONGEST_TIMEOUT:
        raise InvalidInput("binding.timeout_invalid", "timeout: use a number of seconds from 0.", field="timeout")
    if fields.get("expires") is not None and fields["expires"] <= clock.now():
        raise InvalidInput(
            "binding.expires_past", "expires: it has passed already; give a later time.", field="expires"
        )


def refuse_password_policy(policy: Policy) -> None:
    """Password policies are in force without being bound. Raises `binding.password_policy`."""
    if policy.type == "password":
        raise InvalidInput(
            "binding.password_policy",
            "policy: a password policy is in force for every new password as long as it exists, and is not bound.",
            field="policy",
        )


def _values(binding: PolicyBinding) -> dict[str, Any]:
    return {
        key: getattr(binding, key) for key in ("order", "negate", "enabled", "timeout", "failure_result", "expires")
    }


def _shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
