"""JO and PY rows: what has gone wrong in other libraries of signed tokens does not go wrong here."""

import base64
import hashlib
import hmac
import json
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kit.errors import InvalidInput
from ostiary.kit.jose import TRUSTED, PublicKeys, SigningKey, claimed_issuer
from ostiary.kit.tokens import b64
from tests.lint.rules import ROOT

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {"iss": "https://id.example.com", "aud": "hello", "sub": "1", "exp": SECONDS + 60}
KEY = SigningKey.generate()
KEYS = PublicKeys([KEY.public()])
RSA_KEY = SigningKey.generate("PS256")
ED_KEY = SigningKey.generate("Ed25519")


def code(token: str, keys: PublicKeys = KEYS, **changed: Any) -> str:
    """Why a token is refused; "" if it is not."""
    try:
        keys.verify(token, **({"issuer": CLAIMS["iss"], "audience": "hello", "now": NOW} | changed))
    except InvalidInput as error:
        return error.code
    return ""


def part(value: Any) -> str:
    return b64(json.dumps(value).encode())


def keyed(secret: bytes, header: dict[str, Any]) -> str:
    """A token under a shared secret."""
    body = f"{part({'alg': 'HS256'} | header)}.{part(CLAIMS)}"
    return f"{body}.{b64(hmac.digest(secret, body.encode(), hashlib.sha256))}"


def rsa_signed(private: bytes, header: dict[str, Any], pad: padding.AsymmetricPadding) -> str:
    body = f"{part(header)}.{part(CLAIMS)}"
    key = load_pem_private_key(private, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return f"{body}.{b64(key.sign(body.encode(), pad, SHA256()))}"


def test_jo_01_several_signatures() -> None:
    head, payload, signature = KEY.sign(CLAIMS).split(".")
    good = {"protected": head, "signature": signature}
    bad = {"protected": head, "signature": b64(bytes(64))}
    for form in ({"payload": payload, "signatures": [bad, good]}, {"payload": payload} | good):
        assert code(json.dumps(form)) == "jwt.malformed"
    assert code(f"{head}.{payload}.{signature}.{signature}") == "jwt.malformed"
    assert code(f"{head}.{payload}.{signature}") == ""


def test_jo_02_nothing_is_inflated() -> None:
    encrypted = f"{part({'alg': 'dir', 'enc': 'A128GCM', 'zip': 'DEF'})}..AAAA.AAAA.AAAA"
    assert code(encrypted) == "jwt.malformed"
    assert code(f"{part({'alg': 'ES256', 'zip': 'DEF'})}.{part(CLAIMS)}.AAAA") == "jwt.signature"
    # The library's inflating half is not even imported by us.
    assert "jwe" not in (ROOT / "ostiary" / "kit" / "jose.py").read_text()


@pytest.mark.parametrize("text", ["." * 1_000_000, "A." * 500_000, "A" * 1_000_000])
def test_jo_03_many_dots_are_not_split(text: str) -> None:
    tracemalloc.start()
    assert code(text) == "jwt.malformed"
    assert claimed_issuer(text) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(TRUSTED) | _JSON,
        "kid": st.just(KEY.kid) | _JSON,
        "typ": _JSON,
        "crit": _JSON,
        "jwk": st.just(KEY.public()) | _JSON,
        "b64": _JSON,
    },
)
_JWKS = st.fixed_dictionaries(
    {},
    optional={
        "kty": st.sampled_from(["EC", "RSA", "OKP", "oct"]) | _JSON,
        "crv": st.sampled_from(["P-256", "P-521", "secp256k1", "Ed25519", "X25519"]) | _JSON,
        "x": st.just(KEY.public()["x"]) | _JSON,
        "y": st.just(KEY.public()["y"]) | _JSON,
        "n": st.just(RSA_KEY.public()["n"]) | _JSON,
        "e": st.sampled_from(["AQAB", "AQ", "AA", ""]) | _JSON,
        "use": _JSON,
        "key_ops": _JSON,
        "alg": _JSON,
        "kid": _JSON,
    },
)


@given(_HEADERS, _JSON, st.binary(max_size=80))
def test_jo_04_a_hostile_token_is_refused_in_words(header: Any, claims: Any, signature: bytes) -> None:
    assert code(f"{part(header)}.{part(claims)}.{b64(signature) or 'AA'}").startswith("jwt.")


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_jo_04_any_text_is_refused_in_words(text: str) -> None:
    assert code(text) == "jwt.malformed"
    assert claimed_issuer(text) is None


@given(st.lists(_JWKS | _JSON, max_size=4))
def test_jo_04_a_hostile_key_set_never_breaks_the_good_key(hostile: list[Any]) -> None:
    keys = PublicKeys([*hostile, KEY.public()])
    assert code(KEY.sign(CLAIMS), keys) == ""


@pytest.mark.parametrize(
    ("audience", "good"),
    [
        ("hello", True),
        (["hello"], True),
        (["other", "hello"], True),
        ([], False),
        (["other"], False),
        ("other", False),
        ("", False),
        (5, False),
        ({"hello": 1}, False),
        ([["hello"]], False),
        (["hello", 5], False),
        ("hello world", False),
    ],
)
def test_jo_05_the_audience_is_ours(audience: Any, good: bool) -> None:
    assert (code(KEY.sign(CLAIMS | {"aud": audience})) == "") is good


def test_jo_05_an_audience_is_never_missing() -> None:
    assert code(KEY.sign({name: value for name, value in CLAIMS.items() if name != "aud"})) == "jwt.audience"


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None},
        {"exp": SECONDS - 3600},
        {"exp": "never"},
        {"exp": float("1e400")},
        {"exp": {}},
        {"iat": SECONDS + 3600},
        {"iat": "today"},
    ],
)
def test_jo_07_times_are_checked(changed: dict[str, Any]) -> None:
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    assert code(KEY.sign(claims)) != ""


def test_jo_08_an_algorithm_is_bound_to_its_key() -> None:
    token = KEY.sign(CLAIMS)
    _, payload, signature = token.split(".")
    for algorithm in ("none", "None", "HS256", "HS512", "RS256", "PS256", "ES384", "ES512", "ES256K", "EdDSA"):
        assert code(f"{part({'alg': algorithm, 'kid': KEY.kid})}.{payload}.{signature}") != ""
    assert code(f"{part({'alg': 'none'})}.{payload}.") == "jwt.malformed"
    # Of one family: the key says PS256, the token says RS256, and the signature is a good RS256 one.
    header = {"alg": "RS256", "kid": RSA_KEY.kid}
    crossed = rsa_signed(RSA_KEY.stored(), header, padding.PKCS1v15())
    assert code(crossed, PublicKeys([RSA_KEY.public()])) == "jwt.key_unknown"
    unbound = {name: value for name, value in RSA_KEY.public().items() if name != "alg"}
    assert code(crossed, PublicKeys([unbound])) == ""
    # The key of another realm, brought along by the token itself.
    stranger = SigningKey.generate()
    stranger._header["kid"] = KEY.kid
    assert code(stranger.sign(CLAIMS)) == "jwt.signature"
    brought: dict[str, Any] = {"alg": "ES256", "kid": KEY.kid, "jwk": stranger.public()}
    assert code(f"{part(brought)}.{stranger.sign(CLAIMS).partition('.')[2]}") == "jwt.signature"


def shapes(key: SigningKey) -> list[bytes]:
    """Every form in which a public key may be taken for a shared secret."""
    private = load_pem_private_key(key.stored(), None)
    assert isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
    public = private.public_key()
    pem, info, ssh = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo, PublicFormat.OpenSSH
    found = [public.public_bytes(pem, info), public.public_bytes(Encoding.DER, info)]
    found.append(public.public_bytes(Encoding.OpenSSH, ssh))
    if isinstance(public, rsa.RSAPublicKey):
        found += [public.public_bytes(form, PublicFormat.PKCS1) for form in (pem, Encoding.DER)]
    jwk = key.public()
    for text in (json.dumps(jwk), json.dumps({"keys": [jwk]}), json.dumps([jwk])):
        found += [text.encode(), b"\xef\xbb\xbf" + text.encode()]
    return [*found, *(shape.strip() for shape in found), *(base64.b64encode(shape) for shape in found)]


@pytest.mark.parametrize("key", [KEY, RSA_KEY, ED_KEY], ids=lambda key: key.algorithm)
def test_py_01_a_public_key_is_no_shared_secret(key: SigningKey) -> None:
    keys = PublicKeys([key.public()])
    for secret in shapes(key):
        assert code(keyed(secret, {"kid": key.kid}), keys) == "jwt.algorithm"
        assert code(keyed(secret, {"kid": key.kid}), keys, algorithms=("HS256", *TRUSTED)) == "jwt.algorithm"
    # A shared secret in a key set is nobody's key either.
    assert PublicKeys([{"kty": "oct", "k": b64(b"k" * 32)}]).skipped == ("holds a private or shared key",)


@pytest.mark.parametrize("crit", [["x"], [], ["b64"], ["exp"], "x", None])
def test_py_02_nothing_is_critical_to_us(crit: Any) -> None:
    token = SigningKey.load(KEY.stored(), "ES256")
    token._header["crit"] = crit
    body = f"{part(token._header)}.{part(CLAIMS)}"
    assert code(f"{body}.AAAA") == "jwt.malformed"


def test_py_02_an_unencoded_payload_is_refused() -> None:
    assert code(f"{part({'alg': 'ES256', 'kid': KEY.kid, 'b64': False})}.AAAA.AAAA") == "jwt.malformed"


def test_py_03_header_and_key_agree_and_are_allowed() -> None:
    keys = PublicKeys([RSA_KEY.public()])
    token = RSA_KEY.sign(CLAIMS)
    assert code(token, keys, algorithms=("ES256", "PS256")) == ""
    assert code(token, keys, algorithms=("ES256",)) == "jwt.algorithm"
    lying = rsa_signed(RSA_KEY.stored(), {"alg": "ES256", "kid": RSA_KEY.kid}, padding.PKCS1v15())
    assert code(lying, keys, algorithms=("ES256",)) == "jwt.key_unknown"


def test_py_04_other_forms_of_a_public_key_are_no_secret() -> None:
    keys = PublicKeys([RSA_KEY.public()])
    for secret in shapes(RSA_KEY):
        assert code(keyed(secret, {}), keys) == "jwt.algorithm"


def test_py_05_no_list_holds_both_kinds_of_algorithm() -> None:
    assert not [algorithm for algorithm in TRUSTED if algorithm.startswith("HS") or algorithm.lower() == "none"]


def test_py_06_one_broken_key_leaves_the_others() -> None:
    broken = {"kty": "RSA", "n": "AA", "e": "AQAB", "kid": "broken"}
    keys = PublicKeys.parse(json.dumps({"keys": [broken, "key", KEY.public(), {"kty": "EC", "crv": "P-256"}]}))
    assert code(KEY.sign(CLAIMS), keys) == ""
    assert len(keys) == 1
    assert len(keys.skipped) == 3
    with pytest.raises(InvalidInput, match=r"jwks\.empty"):
        PublicKeys.parse(json.dumps({"keys": [broken]}))


def test_py_06_a_weak_or_huge_key_is_no_key() -> None:
    def jwk(bits: int) -> dict[str, str]:
        return {"kty": "RSA", "n": b64(b"\xff" * (bits // 8)), "e": "AQAB"}

    assert [len(PublicKeys([jwk(bits)])) for bits in (1024, 2048, 8192, 16384)] == [0, 1, 1, 0]
    assert len(PublicKeys([jwk(2048) | {"e": b64(b"\xff" * 256)}])) == 0


def test_py_07_private_members_are_never_taken_from_others() -> None:
    private = load_pem_private_key(ED_KEY.stored(), None)
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    d = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    for other in (d, bytes(32)):
        keys = PublicKeys([ED_KEY.public() | {"d": b64(other)}])
        assert keys.skipped == ("holds a private or shared key",)
        assert code(ED_KEY.sign(CLAIMS), keys) == "jwt.key_unknown"
