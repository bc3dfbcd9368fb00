"""Stored policies of every type: made, changed, deleted. What is stored can be asked."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.kit.given import refuse_unknown
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.policies.types import CONFIGURED, EXPRESSION, TYPES, WRITTEN, PolicyCompiler
from ostiary.storage.session import Database, Reading, Writing

ROOM = "policies"
_LONGEST_NAME = 150


class Policies:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._compiler = PolicyCompiler()

    async def create(self, name: str, expression: str, *, by: Actor) -> Policy:
        """One of type ``expression``. Raises `policy.name_taken` and `expression.*`."""
        return await self.make(EXPRESSION, name, {"expression": expression}, by=by)

    async def make(self, type_: str, name: str, values: Mapping[str, Any], *, by: Actor) -> Policy:
        """One of any type. Raises `policy.*` and `expression.*`."""
        if type_ not in TYPES:
            raise InvalidInput("policy.type_unknown", f"type: it is one of {', '.join(TYPES)}.", field="type")
        now = self._clock.now()
        policy = Policy(name=_name(name), type=type_, expression="", config={}, created=now, updated=now)
        if type_ == EXPRESSION and "expression" not in values:
            raise InvalidInput("expression.empty", "expression: this type of policy needs one.", field="expression")
        for key, value in self._checked(type_, values).items():
            setattr(policy, key, value)
        async with self._database.writing() as w:
            w.add(policy)
            await _flush(w)
            await record(
                w,
                self._clock,
                Action.MODEL_CREATED,
                ROOM,
                by,
                model="policy",
                name=policy.name,
                type=type_,
                **_told(policy),
            )
        return policy

    async def update(
        self, name: str, *, new_name: str | None = None, expression: str | None = None, by: Actor
    ) -> Policy:
        """Changes what is given of one of type ``expression``."""
        values = {} if expression is None else {"expression": expression}
        async with self._database.reading() as r:
            policy_id = (await by_name(r, name)).id
        return await self.change(policy_id, values, new_name=new_name, by=by)

    async def change(
        self, policy_id: str, values: Mapping[str, Any], *, new_name: str | None = None, by: Actor
    ) -> Policy:
        """Changes what is given; everything that the policy is bound to follows at once."""
        async with self._database.writing() as w:
            policy = await w.get(Policy, policy_id, with_for_update=True, populate_existing=True)
            if policy is None:
                raise _not_found()
            new: dict[str, Any] = {} if new_name is None else {"name": _name(new_name)}
            new |= self._checked(policy.type, values, policy.config)
            changes = {
                key: [getattr(policy, key), value] for key, value in new.items() if getattr(policy, key) != value
            }
            old_name = policy.name
            for key in changes:
                setattr(policy, key, new[key])
            if changes:
                policy.updated = self._clock.now()
                await _flush(w)
                told = _renamed(changes)
                await record(
                    w, self._clock, Action.MODEL_UPDATED, ROOM, by, model="policy", name=old_name, changes=told
                )
            return policy

    async def delete(self, name: str, *, by: Actor) -> int:
        """Deletes a policy and answers how many bindings of applications named it; they stay, and never pass.

        Raises `policy.in_use` for one that a flow or one of its stages is bound to: nobody could sign in any more, or a
        stage would come for everybody.
        """
        async with self._database.writing() as w:
            policy = await by_name(w, name)
            flows = await w.scalar(
                select(func.count()).where(PolicyBinding.policy_id == policy.id, PolicyBinding.application_id.is_(None))
            )
            if flows:
                times = "once" if flows == 1 else f"{flows} times"
                raise Conflict(
                    "policy.in_use",
                    f"{policy.name} is bound to flows or stages ({times}); take those bindings away first.",
                )
            bindings = await uses(w, policy)
            await w.delete(policy)
            await record(
                w, self._clock, Action.MODEL_DELETED, ROOM, by, model="policy", name=policy.name, bindings=bindings
            )
            return bindings

    def _checked(
        self, type_: str, values: Mapping[str, Any], before: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The columns that a policy's values become."""
        if type_ != EXPRESSION:
            fields = CONFIGURED[type_]
            return {"config": {**fields.complete(before or {}), **fields.checked(values)}}
        refuse_unknown("policy", "this type of policy", values, ("expression",))
        if "expression" not in values:
            return {}
        if not isinstance(values["expression"], str):
            raise InvalidInput("expression.empty", "expression: it is a text.", field="expression")
        cel, config = self._compiler.expression(values["expression"])
        return {"expression": cel, "config": config}


def given_text(policy: Policy) -> str:
    """An expression as it was given: itself, or the recognised default that it translates."""
    text = policy.config.get(WRITTEN)
    return text if isinstance(text, str) else policy.expression


def _told(policy: Policy) -> dict[str, Any]:
    """What an event says of a policy. Nothing in it is secret, but a name may look so."""
    return {"expression": policy.expression} if policy.type == EXPRESSION else {"set": _unnamed(policy.config)}


def _renamed(changes: Mapping[str, list[Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {key: value for key, value in changes.items() if key != "config"}
    if "config" in changes:
        old, new = changes["config"]
        told["set"] = [
            _unnamed({key: side.get(key) for key in {*old, *new} if old.get(key) != new.get(key)})
            for side in (old, new)
        ]
    return told


def _unnamed(config: Mapping[str, Any]) -> list[str]:
    # As texts: the log refuses keys that name secrets, and password_field is none.
    return [f"{name}: {value}" for name, value in sorted(config.items())]


async def by_name(r: Reading, name: str) -> Policy:
    """The policy of exactly that name. Raises `policy.not_found`."""
    policy = await r.scalar(select(Policy).where(Policy.name == _name(name)))
    if policy is None:
        raise _not_found()
    return policy


def _not_found() -> NotFound:
    return NotFound("policy.not_found", "policy: there is no policy of that name.", field="policy")


async def listed(r: Reading) -> Sequence[Policy]:
    """All policies by name."""
    return (await r.scalars(select(Policy).order_by(Policy.name))).all()


async def uses(r: Reading, policy: Policy) -> int:
    """How many bindings a policy has."""
    return await r.scalar(select(func.count()).where(PolicyBinding.policy_id == policy.id)) or 0


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "policy.name_taken", "name: another policy has it already; choose another.", field="name"
        ) from error


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(
            "policy.name_invalid",
            f"name: use one line of 1 to {_LONGEST_NAME} visible characters, such as office-hours.",
            field="name",
        )
    return name
