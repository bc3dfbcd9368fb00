import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.kit.jose import LARGEST_SET, LEEWAY, MOST_KEYS, SIGNING, PublicKeys, SigningKey, claimed_issuer
from ostiary.kit.tokens import b64, unb64

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {"iss": "https://id.example.com", "aud": "hello", "sub": "1", "exp": SECONDS + 60}


def verified(keys: PublicKeys, token: str, **changed: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"issuer": CLAIMS["iss"], "audience": "hello", "now": NOW}
    return keys.verify(token, **(asked | changed))


def refused(keys: PublicKeys, token: str, **changed: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        verified(keys, token, **changed)
    return caught.value.code


@pytest.mark.parametrize("algorithm", SIGNING)
def test_what_is_signed_is_verified_with_the_public_half(algorithm: str) -> None:
    key = SigningKey.generate(algorithm)
    document = json.dumps({"keys": [key.public()]})
    assert not key.public().keys() & {"d", "p", "q", "k"}
    claims = CLAIMS | {"name": "Zoë \N{SNOWMAN}", "groups": ["a", "b"]}
    assert verified(PublicKeys.parse(document), key.sign(claims)) == claims
    assert refused(PublicKeys([SigningKey.generate(algorithm).public()]), key.sign(claims)) == "jwt.key_unknown"


@pytest.mark.parametrize("algorithm", SIGNING)
def test_a_stored_key_is_the_same_key(algorithm: str) -> None:
    key = SigningKey.generate(algorithm)
    again = SigningKey.load(key.stored(), algorithm)
    assert (again.kid, again.public()) == (key.kid, key.public())
    with pytest.raises((ValueError, TypeError)):
        SigningKey.load(key.stored(), "HS256")


def test_a_kid_is_the_thumbprint_of_the_key() -> None:
    # RFC 7638 section 3.1, recomputed: the required members in order, without spaces.
    import hashlib

    key = SigningKey.generate()
    public = key.public()
    members = json.dumps({name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    assert key.kid == b64(hashlib.sha256(members.encode()).digest())


def test_times_have_a_small_leeway() -> None:
    key = SigningKey.generate()
    keys = PublicKeys([key.public()])
    leeway = int(LEEWAY.total_seconds())
    token = key.sign(CLAIMS | {"iat": SECONDS, "nbf": SECONDS})
    for seconds, code in ((-leeway, ""), (-leeway - 1, "jwt.claims"), (59 + leeway, ""), (60 + leeway, "jwt.expired")):
        now = NOW + timedelta(seconds=seconds)
        if code:
            assert refused(keys, token, now=now) == code
        else:
            assert verified(keys, token, now=now)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"iss": "https://other.example.com"}, "jwt.issuer"),
        ({"iss": ["https://id.example.com"]}, "jwt.issuer"),
        ({"iss": None}, "jwt.issuer"),
        ({"aud": "other"}, "jwt.audience"),
        ({"exp": None}, "jwt.claims"),
        ({"exp": True}, "jwt.claims"),
        ({"exp": str(SECONDS + 60)}, "jwt.claims"),
        ({"nbf": SECONDS + 3600}, "jwt.claims"),
        ({"iat": SECONDS + 3600}, "jwt.claims"),
        ({"sub": 5}, "jwt.claims"),
    ],
)
def test_each_claim_must_hold(changed: dict[str, Any], code: str) -> None:
    key = SigningKey.generate()
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    assert refused(PublicKeys([key.public()]), key.sign(claims)) == code


def test_an_algorithm_that_was_not_asked_for_is_refused() -> None:
    key = SigningKey.generate("PS256")
    keys = PublicKeys([key.public()])
    assert refused(keys, key.sign(CLAIMS), algorithms=("ES256",)) == "jwt.algorithm"
    # Not even by somebody who asks for it.
    head = b64(json.dumps({"alg": "none"}).encode())
    assert refused(keys, f"{head}.{b64(json.dumps(CLAIMS).encode())}.AA", algorithms=("none",)) == "jwt.algorithm"


def test_only_the_keys_of_a_kid_are_tried_and_all_without_one() -> None:
    first, second = SigningKey.generate(), SigningKey.generate()
    renamed = PublicKeys([second.public() | {"kid": first.kid}])
    assert refused(renamed, first.sign(CLAIMS)) == "jwt.signature"
    nameless = [{name: value for name, value in key.public().items() if name != "kid"} for key in (second, first)]
    assert verified(PublicKeys(nameless), first.sign(CLAIMS)) == CLAIMS


@pytest.mark.parametrize("typ", ["dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE"])
def test_a_token_of_another_type_is_refused(typ: str) -> None:
    key = SigningKey.generate()
    keys = PublicKeys([key.public()])
    key._header["typ"] = typ
    assert refused(keys, key.sign(CLAIMS)) == "jwt.malformed"
    key._header["typ"] = "application/at+JWT"
    assert verified(keys, key.sign(CLAIMS))


def test_a_name_twice_is_refused() -> None:
    key = SigningKey.generate()
    _, payload, _ = key.sign(CLAIMS).split(".")
    head = b64(b'{"alg":"ES256","alg":"none"}')
    assert refused(PublicKeys([key.public()]), f"{head}.{payload}.AA") == "jwt.malformed"


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{}", '{"keys": {}}', "\N{ZERO WIDTH NO-BREAK SPACE}" + '{"keys": []}', "[" * 50_000, "x" * 70_000],
)
def test_what_is_no_key_set_is_refused(document: str) -> None:
    for given in (document, document.encode()):
        with pytest.raises(InvalidInput, match=r"jwks\.unreadable"):
            PublicKeys.parse(given)


def test_a_key_set_has_a_limit() -> None:
    key = SigningKey.generate().public()
    keys = PublicKeys([key] * (MOST_KEYS + 5))
    assert len(keys) == MOST_KEYS
    assert keys.skipped == (f"more than {MOST_KEYS} keys",)
    padded = json.dumps({"keys": [key], "x": "y" * LARGEST_SET})
    with pytest.raises(InvalidInput, match=r"jwks\.unreadable"):
        PublicKeys.parse(padded)


def test_the_claimed_issuer_is_only_read() -> None:
    key = SigningKey.generate()
    assert claimed_issuer(key.sign(CLAIMS)) == "https://id.example.com"
    assert claimed_issuer(key.sign({"iss": 5})) is None
    for text in ("", "a.b.c", "Bearer", "." * 100_000, key.sign(CLAIMS).rpartition(".")[0]):
        assert claimed_issuer(text) is None


def test_a_changed_byte_anywhere_is_refused() -> None:
    key = SigningKey.generate()
    keys = PublicKeys([key.public()])
    token = key.sign(CLAIMS)
    for part in range(3):
        parts = token.split(".")
        raw = bytearray(unb64(parts[part]))
        raw[len(raw) // 2] ^= 1
        parts[part] = b64(bytes(raw))
        assert refused(keys, ".".join(parts)).startswith("jwt.")
    # A second spelling of the same bytes is no second token.
    assert refused(keys, token + "=") == "jwt.malformed"
