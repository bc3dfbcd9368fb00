"""Stored policies: made, changed, deleted. What is stored compiles."""

import unicodedata
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.kit.expressions import Compiler
from ostiary.policies.engine import VOCABULARY
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.storage.session import Database, Reading, Writing

ROOM = "policies"
_LONGEST_NAME = 150


class Policies:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._compiler = Compiler(VOCABULARY)

    async def create(self, name: str, expression: str, *, by: Actor) -> Policy:
        """Raises `policy.name_taken` and `expression.*`."""
        policy = Policy(name=_name(name), expression=self._compiler.compile(expression).text)
        async with self._database.writing() as w:
            w.add(policy)
            await _flush(w)
            await record(
                w, self._clock, Action.MODEL_CREATED, ROOM, by, model="policy", name=policy.name, expression=expression
            )
        return policy

    async def update(
        self, name: str, *, new_name: str | None = None, expression: str | None = None, by: Actor
    ) -> Policy:
        """Changes what is given; every application that the policy is bound to follows at once."""
        new: dict[str, str] = {}
        if new_name is not None:
            new["name"] = _name(new_name)
        if expression is not None:
            new["expression"] = self._compiler.compile(expression).text
        async with self._database.writing() as w:
            policy = await by_name(w, name)
            changes = {
                key: [getattr(policy, key), value] for key, value in new.items() if getattr(policy, key) != value
            }
            for key in changes:
                setattr(policy, key, new[key])
            if changes:
                await _flush(w)
                await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, model="policy", name=name, changes=changes)
            return policy

    async def delete(self, name: str, *, by: Actor) -> int:
        """Deletes a policy and answers how many bindings named it; they stay, and never pass."""
        async with self._database.writing() as w:
            policy = await by_name(w, name)
            bindings = await uses(w, policy)
            await w.delete(policy)
            await record(
                w, self._clock, Action.MODEL_DELETED, ROOM, by, model="policy", name=policy.name, bindings=bindings
            )
            return bindings


async def by_name(r: Reading, name: str) -> Policy:
    """The policy of exactly that name. Raises `policy.not_found`."""
    policy = await r.scalar(select(Policy).where(Policy.name == _name(name)))
    if policy is None:
        raise NotFound("policy.not_found", "policy: there is no policy of that name.", field="policy")
    return policy


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
