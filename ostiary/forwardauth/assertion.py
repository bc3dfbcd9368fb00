"""The signed identity: a JSON Web Token that says to one application who somebody is.

An application that verifies it believes nobody else: no neighbour in the cluster, no proxy that forgot to take a
visitor's own header away. It is made once per person and application and given again until it ages, so that a check
never waits for a signature.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from ostiary.access.served import Served
from ostiary.access.signing import Signed
from ostiary.access.table import AccessTable, Person
from ostiary.forwardauth.headers import ASSERTION
from ostiary.kit.errors import Unavailable

SECONDS: Final = 300
"""How long an assertion is good."""
GIVEN: Final = timedelta(seconds=240)
"""How long it is given; whoever gets it has a minute at least."""


class Assertions:
    """One per worker."""

    def __init__(self, *, table: AccessTable) -> None:
        self._table = table

    def ready(self, served: Served) -> bool:
        """Whether what this application is promised can be said."""
        return not served.signed_identity or self._table.signing.key is not None

    def line(self, served: Served, person: Person, now: datetime) -> tuple[bytes, datetime | None]:
        """(the header's line, when it has to be made anew); empty and None for an application that wants none.

        What it says changes only with ``served``, ``person`` or the key, each of which is then another object. Raises
        `signing_key.missing`.
        """
        rules, base_url, key = served.rules, self._table.rules.base_url, self._table.signing.key
        if not served.signed_identity or rules is None:
            return ASSERTION, None
        if key is None or base_url is None:
            raise Unavailable("signing_key.missing", "There is no key yet to sign who somebody is.")
        made = person.signed.get(served.provider_id)
        if made is None or made.served is not served or made.key is not key or now >= made.until:
            token = key.sign(claims(base_url, rules.slug, person, served.headers.told(person.subject.group_names), now))
            made = Signed(served, key, ASSERTION + token.encode("ascii"), now + GIVEN)
            person.signed[served.provider_id] = made
        return made.line, made.until


def claims(issuer: str, audience: str, person: Person, groups: tuple[str, ...], now: datetime) -> dict[str, Any]:
    """What an assertion says. ``audience`` is the application's slug, ``sub`` never changes for a person.

    ``groups`` are those of the person's that the application is told of.
    """
    subject, issued = person.subject, int(now.timestamp())
    return {
        "iss": issuer,
        "aud": audience,
        "sub": person.uuid,
        "iat": issued,
        "exp": issued + SECONDS,
        "preferred_username": subject.username,
        "name": subject.name,
        "email": subject.email,
        "groups": list(groups),
    }
