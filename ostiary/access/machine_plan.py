"""Which credentials of machines an application takes, as its stored fields say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ostiary.kit.errors import InvalidInput
from ostiary.kit.jose import PublicKeys


@dataclass(frozen=True, eq=False)
class TrustedIssuer:
    """Whose tokens count, and for whom: ``audience`` is what names this application in them.

    ``keys`` were given, or are fetched from ``jwks_uri``. The text in ``claim`` is the username itself or, with
    ``users``, what leads to one.
    """

    issuer: str
    audience: str
    keys: PublicKeys | None
    jwks_uri: str
    claim: str
    users: Mapping[str, str] | None


@dataclass(frozen=True, eq=False)
class MachinePlan:
    """App passwords always, tokens of ``issuers`` besides."""

    issuers: tuple[TrustedIssuer, ...] = ()


def machine_plan(header_authentication: Any, jwt_issuers: Any) -> MachinePlan | None:
    """The plan of a provider's stored columns, JSON as text or parsed; None if machines have no way in.

    An issuer that cannot be read, stored by hand or by a newer release, is left out: its tokens open nothing.
    """
    if not header_authentication:
        return None
    try:
        stored = json.loads(jwt_issuers) if isinstance(jwt_issuers, str | bytes) else jwt_issuers
    except ValueError:
        stored = None
    entries = stored if isinstance(stored, list) else []
    return MachinePlan(tuple(issuer for entry in entries if (issuer := _issuer(entry)) is not None))


def _issuer(entry: Any) -> TrustedIssuer | None:
    try:
        issuer, audience, claim = entry["issuer"], entry["audience"], entry.get("claim", "sub")
        jwks, uri, users = entry.get("jwks"), entry.get("jwks_uri", ""), entry.get("users")
        if not all(isinstance(word, str) and word for word in (issuer, audience, claim)):
            return None
        if not isinstance(uri, str) or (jwks is None) == (not uri) or not isinstance(users, dict | None):
            return None
        keys = None if jwks is None else PublicKeys.parse(json.dumps(jwks))
    except (InvalidInput, TypeError, KeyError, AttributeError):
        return None
    return TrustedIssuer(issuer, audience, keys, uri, claim, users)
