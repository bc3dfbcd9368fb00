"""The life of signing keys: made, published as `next`, signing as `current`, published still as `retired`, gone.

A key is published long before it signs, so that whoever keeps a copy of the key set for a while never meets a
signature of a key that is not in it.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from ostiary.events.catalog import Action
from ostiary.events.record import SYSTEM, Actor, record
from ostiary.keys.models import SigningKey
from ostiary.kit import jose
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict
from ostiary.storage.models import Installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Reading, Writing

LIFETIME: Final = timedelta(days=90)
"""How long a key signs."""
PUBLISHED: Final = timedelta(hours=1)
"""How long a key has been published before it signs; nobody may keep a copy of the key set for longer."""
ALGORITHMS: Final = ("ES256",)
"""There is a key for each from the first start."""

_ROOM = "keys"
_PURPOSE = "signing-key"
_CONTEXT = "signing_keys.private"


class Keyring:
    """``longest_token`` is how long the longest-lived thing that these keys sign stays good."""

    def __init__(self, *, database: Database, clock: Clock, secrets: Secrets, longest_token: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self._kept = longest_token + PUBLISHED

    async def ensure(self, w: Writing) -> None:
        """Makes what is missing: of each algorithm a key that signs and one that will. Seals under the first secret
        key what was sealed under another."""
        for key in await self._held(w):
            if self._secrets.needs_resealing(key.private):
                key.private = self._seal(unsealed(self._secrets, key.kid, key.algorithm, key.private))
        for algorithm in ALGORITHMS:
            states = {key.state for key in await listed(w) if key.algorithm == algorithm}
            for state in ("current", "next"):
                if state not in states:
                    await self._make(w, algorithm, state)

    async def keep(self) -> None:
        """Does what is due; a job calls it every minute. Removes what is no longer needed, and lets the next key sign
        when the current one has signed for ``LIFETIME``."""
        now = self._clock.now()
        async with self._database.writing() as w:
            await self.ensure(w)
            held = await self._held(w)
            for key in held:
                if key.expires is not None and key.expires <= now:
                    await w.delete(key)
            known = {key.algorithm for key in held if key.state == "next" and now - key.created >= PUBLISHED}
            for key in held:
                worn = key.activated is not None and now - key.activated >= LIFETIME
                if key.state == "current" and worn and key.algorithm in known:
                    await self._turn(w, key.algorithm, SYSTEM, reason="it had signed for long enough")

    async def rotate(self, *, by: Actor, hurry: bool = False) -> None:
        """Lets the next keys sign from now on, and publishes new next ones.

        Raises `key.too_new` while a next key has been published so shortly that an application may not know it yet,
        unless in a ``hurry``.
        """
        async with self._database.writing() as w:
            await self.ensure(w)
            for key in await self._held(w):
                known_at = key.created + PUBLISHED
                if key.state == "next" and not hurry and self._clock.now() < known_at:
                    raise Conflict(
                        "key.too_new",
                        f"The next key was published at {key.created:%Y-%m-%d %H:%M} UTC, and applications may not know"
                        f" it yet; wait until {known_at:%H:%M} UTC, or hurry and let them refuse for a while.",
                    )
            for algorithm in ALGORITHMS:
                await self._turn(w, algorithm, by, reason="asked for")

    async def discard(self, *, by: Actor) -> None:
        """Replaces every key at once, because one may be in wrong hands: nothing that they signed is good any more,
        as soon as copies of the key set are renewed."""
        async with self._database.writing() as w:
            gone = [key.kid for key in await self._held(w)]
            await w.execute(delete(SigningKey))
            await record(w, self._clock, Action.KEY_DISCARD, _ROOM, by, discarded=gone)
            await self.ensure(w)

    async def _turn(self, w: Writing, algorithm: str, by: Actor, *, reason: str) -> None:
        now = self._clock.now()
        keys = {key.state: key for key in await self._held(w) if key.algorithm == algorithm and key.state != "retired"}
        old, new = keys["current"], keys["next"]
        old.state, old.retired, old.expires = "retired", now, now + self._kept
        await w.flush()  # One key signs, at every moment of the transaction too.
        new.state, new.activated = "current", now
        await w.flush()
        await self._make(w, algorithm, "next")
        await record(
            w,
            self._clock,
            Action.KEY_ROTATE,
            _ROOM,
            by,
            algorithm=algorithm,
            kid=new.kid,
            retired=old.kid,
            reason=reason,
        )

    async def _make(self, w: Writing, algorithm: str, state: str) -> None:
        made, now = jose.SigningKey.generate(algorithm), self._clock.now()
        w.add(
            SigningKey(
                kid=made.kid,
                algorithm=algorithm,
                state=state,
                public=made.public(),
                private=self._seal(made),
                created=now,
                activated=now if state == "current" else None,
            )
        )
        await w.flush()
        about = {"model": "signing_key", "kid": made.kid, "algorithm": algorithm}
        await record(w, self._clock, Action.MODEL_CREATED, _ROOM, SYSTEM, **about)

    def _seal(self, key: jose.SigningKey) -> str:
        return self._secrets.seal(_PURPOSE, key.stored(), _CONTEXT)

    async def _held(self, w: Writing) -> list[SigningKey]:
        """All keys, in a transaction that nobody else changes them in: the installation's row stands for them, since a
        row that is missing cannot be held."""
        await w.execute(select(Installation.id).with_for_update())
        return await listed(w)


async def listed(r: Reading) -> list[SigningKey]:
    """Every key: those that sign, those that will, then the retired ones, the latest first."""
    order = {"current": 0, "next": 1}
    found = await r.scalars(select(SigningKey))
    return sorted(found, key=lambda key: (order.get(key.state, 2), -key.created.timestamp(), key.algorithm))


def unsealed(secrets: Secrets, kid: str, algorithm: str, private: str) -> jose.SigningKey:
    """A stored key, ready to sign. Raises `secret.unreadable`, and ValueError for a key that is not that of ``kid``."""
    key = jose.SigningKey.load(secrets.open(_PURPOSE, private, _CONTEXT), algorithm)
    if key.kid != kid:
        raise ValueError("a private key stands beside another's public key")
    return key
