"""Credentials in headers: whose tokens an application takes, and the Basic credentials that it is given."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ostiary.applications.values import invalid, mapping, text
from ostiary.directory.usernames import canonical
from ostiary.kit.errors import InvalidInput
from ostiary.kit.jose import PublicKeys

_ATTRIBUTE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
# RFC 3986, of what a path may hold only what is plain, and nothing that leads up.
_HTTPS: Final = re.compile(r"(?!.*\.\.)https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/@:+,=-]*)?")
_CLAIM: Final = re.compile(r"(?!.*\.\.)[A-Za-z_][A-Za-z0-9_.:/-]{0,99}")
_MOST_ISSUERS, _MOST_USERS, _MOST_KEYS = 20, 1_000, 20
_PRIVATE: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


def attribute(field: str, value: Any) -> str:
    """The name of an attribute; may be empty."""
    name = text(field, value or "")
    if name and not _ATTRIBUTE.fullmatch(name):
        raise invalid(field, "give an attribute's name, such as app_password.")
    return name


def jwt_issuers(value: Any) -> tuple[dict[str, Any], ...]:
    """Whose tokens count: {issuer, audience, jwks or jwks_uri, claim, users}, each as `_issuer` says."""
    field = "jwt_issuers"
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or len(value) > _MOST_ISSUERS:
        raise invalid(field, f"a list of at most {_MOST_ISSUERS} issuers is needed.")
    found = tuple(_issuer(field, mapping(field, entry)) for entry in value)
    pairs = [(entry["issuer"], entry["audience"]) for entry in found]
    if len(set(pairs)) < len(pairs):
        raise invalid(field, "an issuer with the same audience stands there twice.")
    return found


def _issuer(field: str, given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(given.keys() - {"issuer", "audience", "jwks", "jwks_uri", "claim", "users"})
    if unknown:
        raise invalid(field, f"{unknown[0]} is unknown; give issuer, audience, jwks or jwks_uri, claim, users.")
    issuer = text(field, given.get("issuer"))
    if not _HTTPS.fullmatch(issuer):
        raise invalid(field, "issuer: write its https address exactly as its tokens say it.")
    audience = text(field, given.get("audience"))
    if not audience or not audience.isascii() or not audience.isprintable() or set(audience) & set("\"'`;{}\\<> "):
        raise invalid(field, "audience: write the word by which its tokens name this application.")
    if ("jwks" in given) == ("jwks_uri" in given):
        raise invalid(field, "give either jwks, a JSON Web Key Set, or jwks_uri, where it is fetched.")
    claim = text(field, given.get("claim", "sub"))
    if not _CLAIM.fullmatch(claim):
        raise invalid(field, "claim: give the name of the claim that says who it is, such as sub.")
    entry: dict[str, Any] = {"issuer": issuer, "audience": audience, "claim": claim}
    if "jwks" in given:
        entry["jwks"] = _jwks(field, given["jwks"])
    else:
        entry["jwks_uri"] = text(field, given["jwks_uri"])
        if not _HTTPS.fullmatch(entry["jwks_uri"]):
            raise invalid(field, "jwks_uri: write an https address.")
    if "users" in given:
        entry["users"] = _users(field, mapping(field, given["users"]))
    return entry


def _jwks(field: str, value: Any) -> dict[str, Any]:
    keys = mapping(field, value).get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= _MOST_KEYS:
        raise invalid(field, f"jwks: an object with 1 to {_MOST_KEYS} keys is needed.")
    if not all(isinstance(key, Mapping) for key in keys):
        raise invalid(field, "jwks: each key is an object.")
    if any(part in key for key in keys for part in _PRIVATE):
        raise InvalidInput(
            "provider.jwt_issuers_private", f"{field}: jwks holds a private key; give the public part.", field=field
        )
    usable = PublicKeys(keys)
    if not usable:
        raise invalid(field, f"jwks: none of its keys can verify a token ({'; '.join(usable.skipped)}).")
    return {"keys": [dict(key) for key in keys]}


def _users(field: str, given: Mapping[str, Any]) -> dict[str, str]:
    if not 0 < len(given) <= _MOST_USERS:
        raise invalid(field, f"users: 1 to {_MOST_USERS} of them are accepted; without it, the claim is the username.")
    return {claim: canonical(text(field, username)) for claim, username in given.items()}
