"""The installation's one row: made at the first start, checked against the secret key at every later one."""

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput, Unavailable
from ostiary.storage.base import new_id
from ostiary.storage.models import Installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Reading, Writing

_PURPOSE = "canary"
_CONTEXT = "installation.canary"
_CANARY = b"ostiary"


async def ensure(w: Writing, secrets: Secrets, clock: Clock) -> Installation:
    """Makes the row if it is missing, else proves that the secret keys are the ones that the data was written with.

    Two servers that start at once agree on one row. Raises `secret_key.wrong`: with another key every stored hash would
    miss and every sealed value would stay closed, so a start is refused rather than a house full of dead sessions
    opened.
    """
    fresh = {
        "id": 1,
        "incarnation": new_id(),
        "created": clock.now(),
        "canary": secrets.seal(_PURPOSE, _CANARY, _CONTEXT),
        "setup_failures": 0,
    }
    insert = postgresql.insert if w.get_bind().dialect.name == "postgresql" else sqlite.insert
    await w.execute(insert(Installation).values(fresh).on_conflict_do_nothing(index_elements=["id"]))
    installation = await read(w)
    check(installation, secrets)
    if secrets.needs_resealing(installation.canary):
        # From now on values are sealed with the new first key, so a server that knows only the old one must not start.
        installation.canary = secrets.seal(_PURPOSE, _CANARY, _CONTEXT)
    return installation


def check(installation: Installation, secrets: Secrets) -> None:
    """Raises `secret_key.wrong` unless one of the keys is the one that the data was written with."""
    try:
        secrets.open(_PURPOSE, installation.canary, _CONTEXT)
    except InvalidInput as error:
        raise InvalidInput(
            "secret_key.wrong",
            "secret_key is not the key of this database; configure that key, or list it after the new one.",
            field="secret_key",
        ) from error


async def read(r: Reading) -> Installation:
    """The row. Raises `storage.not_initialised` before the first start."""
    installation = await r.scalar(select(Installation).where(Installation.id == 1))
    if installation is None:
        raise Unavailable(
            "storage.not_initialised", "The database has not been initialised; start `ostiary serve` once."
        )
    return installation
