"""Certificates and private keys as texts (RFC 7468): read, and held against each other. Nothing is stored here."""

import re
from dataclasses import dataclass
from datetime import datetime
from math import lcm
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ostiary.kit.errors import InvalidInput

LARGEST_CERTIFICATE: Final = 65_536
LARGEST_KEY: Final = 16_384
KEY_TYPES: Final = ("rsa", "ec", "dsa", "ed25519", "ed448")

_SHORTEST_RSA, _LONGEST_RSA = 1024, 8192
_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")


@dataclass(frozen=True)
class Certificate:
    """What a text holds: the first certificate of a chain. Fingerprints are ``aa:bb:…``."""

    subject: str
    expires: datetime
    fingerprint_sha256: str
    fingerprint_sha1: str
    key_type: str
    public: bytes
    """The key that it certifies, as SubjectPublicKeyInfo."""


def read_certificate(text: str) -> Certificate:
    """Raises `certificate.certificate_data_invalid`."""
    wrong = _invalid("certificate_data", "give a certificate as PEM text, from -----BEGIN CERTIFICATE----- on.")
    if len(text) > LARGEST_CERTIFICATE or not _plain(text):
        raise _invalid("certificate_data", f"a PEM text of at most {LARGEST_CERTIFICATE // 1024} KiB is needed.")
    # A certificate may be shown to many, so no key may lie hidden in its text.
    others = set(_BLOCK.findall(text)) - {"CERTIFICATE"}
    if others:
        raise _invalid("certificate_data", "it holds more than certificates; give the key as key_data.")
    try:
        found = x509.load_pem_x509_certificates(text.encode())
        first = found[0]
        kind = _key_type(first.public_key())
        if kind is None:
            raise _invalid("certificate_data", f"its key is none of {', '.join(KEY_TYPES)}.")
        return Certificate(
            subject=first.subject.rfc4514_string(),
            expires=first.not_valid_after_utc,
            fingerprint_sha256=first.fingerprint(SHA256()).hex(":"),
            fingerprint_sha1=first.fingerprint(SHA1()).hex(":"),  # noqa: S303 - what authentik shows beside the other
            key_type=kind,
            public=first.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        )
    except (ValueError, UnsupportedAlgorithm, OverflowError) as error:
        raise wrong from error


def check_key(text: str, certificate: Certificate) -> None:
    """Refuses a text that is not the certificate's private key. Raises `certificate.key_data_invalid`."""
    if len(text) > LARGEST_KEY or not _plain(text):
        raise _invalid("key_data", f"a PEM text of at most {LARGEST_KEY // 1024} KiB is needed.")
    try:
        # The library's own check of an RSA key searches for divisors for a second and holds everything else up
        # meanwhile; `_sound` says the same of what a key is used for.
        key = load_pem_private_key(text.encode(), None, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:
        raise _invalid("key_data", "the key is encrypted; give it without its passphrase.") from error
    except (ValueError, UnsupportedAlgorithm, OverflowError) as error:
        raise _invalid(
            "key_data", "give a private key as PEM text, from -----BEGIN PRIVATE KEY----- on, or nothing."
        ) from error
    if isinstance(key, rsa.RSAPrivateKey) and not _sound(key):
        raise _invalid("key_data", "its numbers do not belong together.")
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public != certificate.public:
        raise InvalidInput(
            "certificate.key_mismatch",
            "key_data: it is not the key of this certificate; give the one that it was made with.",
            field="key_data",
        )


def _sound(key: rsa.RSAPrivateKey) -> bool:
    """Whether the numbers of an RSA key fulfil RFC 8017 section 3.2, its factors being prime as far as Fermat sees."""
    if not _SHORTEST_RSA <= key.key_size <= _LONGEST_RSA:
        raise _invalid("key_data", f"an RSA key has {_SHORTEST_RSA} to {_LONGEST_RSA} bits.")
    own = key.private_numbers()
    n, e = own.public_numbers.n, own.public_numbers.e
    p, q, d = own.p, own.q, own.d
    if p < 3 or q < 3 or p == q or p * q != n or not 3 <= e < 1 << 64 or e % 2 == 0 or not 1 < d < n:
        return False
    return (
        (d * e) % lcm(p - 1, q - 1) == 1
        and (own.dmp1, own.dmq1) == (d % (p - 1), d % (q - 1))
        and (own.iqmp * q) % p == 1
        and all(pow(2, prime - 1, prime) == 1 for prime in (p, q))
    )


def _key_type(key: object) -> str | None:
    match key:
        case rsa.RSAPublicKey():
            return "rsa"
        case ec.EllipticCurvePublicKey():
            return "ec"
        case dsa.DSAPublicKey():
            return "dsa"
        case ed25519.Ed25519PublicKey():
            return "ed25519"
        case ed448.Ed448PublicKey():
            return "ed448"
        case _:
            return None


def _plain(text: str) -> bool:
    return text.isascii() and "\0" not in text


def _invalid(field: str, fault: str) -> InvalidInput:
    return InvalidInput(f"certificate.{field}_invalid", f"{field}: {fault}", field=field)
