"""JSON Web Tokens (RFC 7519) in compact form (RFC 7515): signed with our keys, verified with others'.

Only signatures: nothing here decrypts or inflates. What the library would choose by itself is chosen here: which
algorithms count, that a key fits its algorithm, how large a token may be, and which claims must hold.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Self

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from ostiary.kit.errors import InvalidInput
from ostiary.kit.tokens import unb64

LARGEST_TOKEN: Final = 16_384
"""Characters of a token that is looked at."""
LARGEST_SET: Final = 65_536
"""Bytes of a key set that is read."""
MOST_KEYS: Final = 64
LEEWAY: Final = timedelta(seconds=30)
"""How far another machine's clock may be from ours."""

SIGNING: Final = ("ES256", "PS256", "Ed25519")
"""What we sign with; the first unless somebody asks for another."""
TRUSTED: Final = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA", "Ed25519")
"""What others may have signed with: signatures by a private key, never a shared secret, never none (RFC 8725 3.1)."""
TYPES: Final = frozenset({"", "jwt", "at+jwt"})
"""The `typ` of a token that says who somebody is; "" for none."""

_CURVES: Final[Mapping[str, str]] = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_RSA_BITS = range(2048, 8193)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# What a library meets in a hostile key or token, and how it says so.
_BROKEN = (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)

_Key = ECKey | RSAKey | OKPKey


class _Registry(JWSRegistry):
    """Sizes that real issuers keep within. Unknown header parameters mean nothing (RFC 7515 4); `crit` is refused."""

    max_header_length = 4096
    max_payload_length = LARGEST_TOKEN
    max_signature_length = 2048

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithms=(algorithm,), strict_check_header=False)


class SigningKey:
    """A private key with its algorithm. ``kid`` is the key's thumbprint (RFC 7638), so that it names no other."""

    def __init__(self, key: _Key, algorithm: str) -> None:
        if not key.is_private or not _fits(key, algorithm):
            raise ValueError(f"this key does not sign with {algorithm}")
        self._key = key
        self.algorithm = algorithm
        self.kid = key.thumbprint()
        self._registry = _Registry(algorithm)
        self._header = {"alg": algorithm, "kid": self.kid}

    @classmethod
    def generate(cls, algorithm: str = SIGNING[0]) -> Self:
        """A new key for one of ``SIGNING``."""
        if algorithm == "ES256":
            return cls(ECKey.generate_key("P-256"), algorithm)
        if algorithm == "PS256":
            return cls(RSAKey.generate_key(2048), algorithm)
        if algorithm == "Ed25519":
            return cls(OKPKey.generate_key("Ed25519"), algorithm)
        raise ValueError(f"nothing is signed with {algorithm}")

    @classmethod
    def load(cls, stored: bytes, algorithm: str) -> Self:
        """The key that :meth:`stored` wrote. Raises ValueError for anything else."""
        if algorithm not in SIGNING:
            raise ValueError(f"nothing is signed with {algorithm}")
        kind = ECKey if algorithm == "ES256" else RSAKey if algorithm == "PS256" else OKPKey
        return cls(kind.import_key(stored), algorithm)

    def stored(self) -> bytes:
        """The private key, PKCS #8 in PEM. To be sealed."""
        return self._key.as_bytes("PEM", private=True)

    def public(self) -> dict[str, str]:
        """The public key as a JWK (RFC 7517) that says what it is for."""
        found = self._key.as_dict(private=False)
        return {name: str(value) for name, value in found.items()} | {
            "kid": self.kid,
            "alg": self.algorithm,
            "use": "sig",
        }

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A compact token. Times are whole seconds since 1970."""
        return jwt.encode(dict(self._header), dict(claims), self._key, registry=self._registry)


class PublicKeys:
    """A key set (RFC 7517) that tokens are verified with. ``skipped`` says of each unusable key why, in a few words."""

    def __init__(self, keys: Iterable[Any]) -> None:
        self._keys: list[tuple[str | None, str | None, _Key]] = []
        skipped = []
        for number, jwk in enumerate(keys):
            if number >= MOST_KEYS:
                skipped.append(f"more than {MOST_KEYS} keys")
                break
            try:
                self._keys.append(_public_key(jwk))
            except _Skipped as reason:
                skipped.append(reason.reason)
        self.skipped = tuple(skipped)

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def parse(cls, document: bytes | str) -> Self:
        """The keys of a JWKS document. One that is broken is left out; its neighbours still count.

        Raises `jwks.unreadable` for what is no key set or too large, `jwks.empty` for one without a usable key.
        """
        try:
            if len(document) > LARGEST_SET:
                raise ValueError("too large")
            found = _strict_json(document)["keys"]
            if not isinstance(found, list):
                raise TypeError("no list")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise InvalidInput(
                "jwks.unreadable",
                f"This is no JSON Web Key Set of at most {LARGEST_SET} bytes: an object whose `keys` is a list.",
                field="jwks",
            ) from error
        keys = cls(found)
        if not keys:
            raise InvalidInput(
                "jwks.empty",
                "No key of the set can be used: it takes public EC, RSA (2048 to 8192 bits) or Ed25519 keys for"
                " signatures.",
                field="jwks",
            )
        return keys

    def verify(
        self,
        token: str,
        *,
        issuer: str,
        audience: str,
        now: datetime,
        algorithms: tuple[str, ...] = TRUSTED,
        leeway: timedelta = LEEWAY,
        types: frozenset[str] = TYPES,
    ) -> dict[str, Any]:
        """The claims of a token that one of these keys signed for ``audience``, in the name of ``issuer``, and whose
        time is now. `iss`, `aud` and `exp` must be there; `nbf` and `iat` count if they are.

        Raises InvalidInput: `jwt.malformed`, `jwt.algorithm`, `jwt.key_unknown` (a newer key set may know it),
        `jwt.signature`, `jwt.issuer`, `jwt.audience`, `jwt.expired`, `jwt.claims`.
        """
        header = _header(token)
        algorithm, kid = header["alg"], header.get("kid")
        if algorithm not in algorithms or algorithm not in TRUSTED:
            raise _untrusted("algorithm", "The token is signed with an algorithm that does not count here.")
        if str(header.get("typ", "")).lower().removeprefix("application/") not in types:
            raise _untrusted("malformed", "The token is of a type that does not count here.")
        fitting = [
            key
            for own, meant, key in self._keys
            if (kid is None or own is None or own == kid) and meant in (None, algorithm) and _fits(key, algorithm)
        ]
        if not fitting:
            raise _untrusted("key_unknown", "The token is signed with a key that is not in the key set.")
        claims = _first_verified(token, fitting, algorithm)
        _check_claims(claims, issuer, audience, int(now.timestamp()), int(leeway.total_seconds()))
        return claims


class _Skipped(Exception):
    """Why a key is of no use."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def claimed_issuer(token: str) -> str | None:
    """The `iss` that a token claims, to find whose keys would verify it; None if it has none. Nothing is verified."""
    try:
        _header(token)
        claims = _strict_json(unb64(token.split(".")[1]))
    except (InvalidInput, ValueError, RecursionError):
        return None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else None


def _header(token: str) -> dict[str, Any]:
    """The header of what has a token's form. Of what it says only `alg`, `kid` and `typ` are used: a key or an address
    of keys that a token brings along is nobody's word (RFC 8725 3.10)."""
    try:
        # Size first, then one pass: a token of nothing but dots is never split.
        if len(token) > LARGEST_TOKEN or not _COMPACT.fullmatch(token):
            raise ValueError("not compact")
        header = _strict_json(unb64(token.partition(".")[0]))
        if not isinstance(header, dict) or not isinstance(header.get("alg"), str):
            raise TypeError("no header")
        # We understand no extension, so whatever a token calls critical is refused (RFC 7515 4.1.11), and so is the
        # one that changes what is signed (RFC 7797).
        if not header.keys().isdisjoint({"crit", "b64"}) or not isinstance(header.get("kid", ""), str):
            raise ValueError("not understood")
    except (ValueError, TypeError, RecursionError) as error:
        raise _untrusted("malformed", "This is not a signed token in compact form.") from error
    return header


def _first_verified(token: str, keys: list[_Key], algorithm: str) -> dict[str, Any]:
    registry = _Registry(algorithm)
    for key in keys:
        try:
            return jwt.decode(token, key, registry=registry, decoder_cls=_StrictDecoder).claims
        except _BROKEN:
            continue
    raise _untrusted("signature", "The token's signature is not that of a key in the key set.")


def _check_claims(claims: dict[str, Any], issuer: str, audience: str, now: int, leeway: int) -> None:
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=leeway,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError as error:
        raise _untrusted("expired", "The token's time is over.") from error
    except _BROKEN as error:
        # Said of one claim after the other, so that the sentence does not depend on their order in the token.
        if claims.get("iss") != issuer:
            raise _untrusted("issuer", "The token is of another issuer.") from error
        named = claims.get("aud")
        if named != audience and not (isinstance(named, list) and audience in named):
            raise _untrusted("audience", "The token is meant for somebody else.") from error
        raise _untrusted("claims", "The token says something about its time that cannot be, or nothing.") from error


def _public_key(jwk: Any) -> tuple[str | None, str | None, _Key]:
    """(kid, the one algorithm it is for if it says so, key). Only the members that make the public key are read."""
    if not isinstance(jwk, dict):
        raise _Skipped("not an object")
    if not jwk.keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi", "oth", "k"}):
        raise _Skipped("holds a private or shared key")
    kid, meant, use, operations = jwk.get("kid"), jwk.get("alg"), jwk.get("use", "sig"), jwk.get("key_ops", ["verify"])
    if not isinstance(kid, str | None) or not isinstance(meant, str | None):
        raise _Skipped("kid or alg is no text")
    if use != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise _Skipped("not for signatures")
    kinds: dict[Any, tuple[type[_Key], tuple[str, ...]]] = {
        "EC": (ECKey, ("crv", "x", "y")),
        "RSA": (RSAKey, ("n", "e")),
        "OKP": (OKPKey, ("crv", "x")),
    }
    kind, members = kinds.get(jwk.get("kty") if isinstance(jwk.get("kty"), str) else None, (None, ()))
    if kind is None:
        raise _Skipped("of an unknown kind")
    try:
        if kind is RSAKey and (
            int.from_bytes(unb64(jwk["n"]), "big").bit_length() not in _RSA_BITS or len(jwk["e"]) > 8
        ):
            raise _Skipped("of a size, curve or algorithm that does not count")
        key = kind.import_key({"kty": jwk["kty"]} | {name: jwk[name] for name in members})
        fits = any(_fits(key, algorithm) for algorithm in TRUSTED if meant in (None, algorithm))
    except _BROKEN as error:
        raise _Skipped("damaged") from error
    if not fits:
        raise _Skipped("of a size, curve or algorithm that does not count")
    return kid, meant, key


def _fits(key: _Key, algorithm: str) -> bool:
    """Whether a key is one for this algorithm (RFC 8725 3.1: an algorithm is bound to its key)."""
    if isinstance(key, ECKey):
        return _CURVES.get(algorithm) == key.curve_name
    if isinstance(key, RSAKey):
        return algorithm[:2] in ("RS", "PS") and key.public_key.key_size in _RSA_BITS
    return algorithm in ("EdDSA", "Ed25519") and key.curve_name == "Ed25519"


def _untrusted(code: str, sentence: str) -> InvalidInput:
    return InvalidInput(f"jwt.{code}", sentence)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class _StrictDecoder(json.JSONDecoder):
    """JSON in which no name comes twice, so that nobody reads another value than we do (RFC 8725 2.4)."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_once, parse_constant=_no_constant)


def _strict_json(text: bytes | str) -> Any:
    # `utf-8` and not `utf-8-sig`: what begins with a byte-order mark is not JSON (RFC 8259 8.1).
    return _StrictDecoder().decode(text.decode("utf-8") if isinstance(text, bytes) else text)
