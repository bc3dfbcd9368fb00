"""From an Authorization header to the person it stands for: app passwords, and tokens of issuers that an application
trusts.

Never a password of a person, never an API token. What is not recognised belongs to the application, and the verdict is
as it would be without it. Failures lock nobody out: they cost look-ups, and those have a brake.
"""

import re
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Final

from ostiary.access.machine_plan import TrustedIssuer
from ostiary.access.machines import Key, Machine
from ostiary.access.machines import Machines as Met
from ostiary.access.served import Load, Served
from ostiary.access.table import AccessTable, Person
from ostiary.directory.tokens import APP_PASSWORD, PURPOSE
from ostiary.directory.usernames import canonical
from ostiary.forwardauth.issuer_keys import IssuerKeys
from ostiary.kit.errors import InvalidInput
from ostiary.kit.jose import LARGEST_TOKEN, claimed_issuer
from ostiary.storage.secrets import Secrets

TOUCH: Final = timedelta(seconds=60)
"""How often the use of an app password is noted."""
TRUSTED_FOR: Final = timedelta(minutes=10)
"""How long a verified token is believed before it is verified again, since its issuer may have withdrawn the key."""

_ALWAYS = datetime.max.replace(tzinfo=UTC)
_CREDENTIAL = re.compile(rb"(basic|bearer) +([!-~]+) *", re.IGNORECASE)
# What app passwords look like: 32 random bytes or more. Anything else costs no look-up.
_KEY = re.compile(APP_PASSWORD)
_BASIC = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_LONGEST_BASIC = 1024
# Names that say: the password alone tells who it is. The second is what authentik documents.
_NAMELESS: Final = ("", "goauthentik.io/token")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The key set at this address has to be fetched before more can be said."""

    uri: str


class Brake:
    """Look-ups of unknown credentials, counted per visitor: ``burst`` at once, then ``per_second``.

    At most ``most`` visitors are remembered; who is forgotten starts anew.
    """

    def __init__(self, *, burst: int = 60, per_second: float = 1.0, most: int = 4096) -> None:
        self._burst = float(burst)
        self._rate = per_second
        self._most = most
        self._left: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def allows(self, visitor: str, now: datetime) -> bool:
        return self._now(network(visitor), now) >= 1

    def failed(self, visitor: str, now: datetime) -> None:
        name = network(visitor)
        self._left[name] = max(0.0, self._now(name, now) - 1), now
        self._left.move_to_end(name)
        while len(self._left) > self._most:
            self._left.popitem(last=False)

    def _now(self, name: str, now: datetime) -> float:
        left, at = self._left.get(name, (self._burst, now))
        return min(self._burst, left + max(0.0, (now - at).total_seconds()) * self._rate)


def network(visitor: str) -> str:
    """Whom an address stands for: itself, or of IPv6 the /64 in which one visitor chooses freely."""
    try:
        address = ip_address(visitor)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)


class Machines:
    """One per worker. ``touch(token id)`` notes that an app password is in use."""

    def __init__(
        self,
        *,
        table: AccessTable,
        met: Met,
        secrets: Secrets,
        keys: IssuerKeys,
        touch: Callable[[str, datetime], None],
        brake: Brake | None = None,
    ) -> None:
        self._table = table
        self._met = met
        self._secrets = secrets
        self._keys = keys
        self._touch = touch
        self._brake = brake or Brake()
        self.recognised = 0
        """Checks that a credential of a machine answered for, whatever the verdict."""
        self.unknown = 0
        """Those whose credential looked like one of ours, or of a trusted issuer, and was none."""
        self.braked = 0
        """Those that were not even looked up."""

    def identify(
        self, served: Served, authorization: bytes | None, visitor: str, now: datetime
    ) -> Load[Machine | Wanted | None]:
        """Whom an Authorization header stands for at ``served``; None if for nobody that we know."""
        if served.machines is None or served.rules is None or authorization is None:
            return None
        found = _CREDENTIAL.fullmatch(authorization) if len(authorization) <= LARGEST_TOKEN + 16 else None
        if found is None:
            return None
        key = sha256(authorization).digest(), served.provider_id
        machine = self._met.find(key)
        if machine is not None and now < machine.ends:
            self.recognised += 1
            self._use(machine, now)
            return machine
        scheme, value = found[1].lower(), found[2]
        pair = ("", value.decode("ascii")) if scheme == b"bearer" else _pair(value)
        if pair is None:
            return None
        name, word = pair
        issuer = None if _KEY.fullmatch(word) or scheme == b"basic" else claimed_issuer(word)
        trusted = [one for one in served.machines.issuers if one.issuer == issuer]
        if not trusted and not _KEY.fullmatch(word):
            return None
        if not self._brake.allows(visitor, now):
            self.braked += 1
            return None
        changes = self._table.known
        recognised: Machine | Wanted | None
        if trusted:
            recognised = yield from self._token(key, trusted, word, now)
        else:
            recognised = yield from self._app_password(key, served.rules.id, name, word, now)
        if recognised is None:
            self.unknown += 1
            self._brake.failed(visitor, now)
        elif isinstance(recognised, Machine):
            self.recognised += 1
            self._met.keep(recognised, changes)
            self._use(recognised, now)
        return recognised

    def holds(self, machine: Machine) -> bool:
        """Whether nothing has made us forget it meanwhile."""
        return self._met.holds(machine)

    def _app_password(self, key: Key, application_id: str, name: str, word: str, now: datetime) -> Load[Machine | None]:
        found = yield from self._met.load_app_password(self._secrets.hashes(PURPOSE, word.encode("ascii")))
        if found is None or found.application_id != application_id:
            return None
        if found.expires is not None and now >= found.expires:
            return None
        if name not in _NAMELESS and not _is_called(found.owner, name):
            return None
        machine = Machine(key, found.owner, f"app password {found.identifier}", found.id, found.expires or _ALWAYS)
        if found.last_used is not None:
            machine.last_used = found.last_used
        return machine

    def _token(self, key: Key, trusted: list[TrustedIssuer], word: str, now: datetime) -> Load[Machine | Wanted | None]:
        for issuer in trusted:
            keys = issuer.keys
            if keys is None:
                if self._keys.wanted(issuer.jwks_uri, now):
                    return Wanted(issuer.jwks_uri)
                keys = self._keys.of(issuer.jwks_uri, now)
                if keys is None:
                    continue
            try:
                claims = keys.verify(word, issuer=issuer.issuer, audience=issuer.audience, now=now)
            except InvalidInput as error:
                unknown_key = error.code == "jwt.key_unknown" and issuer.keys is None
                if unknown_key and self._keys.wanted(issuer.jwks_uri, now, unknown_key=True):
                    return Wanted(issuer.jwks_uri)
                continue
            value = claims.get(issuer.claim)
            username = issuer.users.get(value) if issuer.users is not None and isinstance(value, str) else value
            if not isinstance(username, str):
                continue
            person = yield from self._met.load_user(username)
            if person is not None:
                # Compared as numbers: a token may end later than any calendar.
                ends = min(claims["exp"], (now + TRUSTED_FOR).timestamp())
                name = f"token of {issuer.issuer}"
                return Machine(key, person, name, None, datetime.fromtimestamp(ends, UTC))
        return None

    def _use(self, machine: Machine, now: datetime) -> None:
        if machine.token_id is not None and now - machine.last_used >= TOUCH:
            self._touch(machine.token_id, now)
            machine.last_used = now


def _pair(value: bytes) -> tuple[str, str] | None:
    """User and password of Basic credentials (RFC 7617); None for anything that could be read in two ways."""
    if len(value) > _LONGEST_BASIC or not _BASIC.fullmatch(value):
        return None
    try:
        name, colon, word = b64decode(value, validate=True).decode("utf-8").partition(":")
    except ValueError:
        return None
    return (name, word) if colon else None


def _is_called(person: Person, name: str) -> bool:
    try:
        return canonical(name) == person.subject.username
    except InvalidInput:
        return False
