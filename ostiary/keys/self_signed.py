"""Makes a key and a certificate that it signs itself, for tests and for those who check its fingerprint."""

import re
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ostiary.kit.errors import InvalidInput

ALGORITHMS: Final = ("rsa", "ecdsa", "ed25519", "ed448")
LONGEST: Final = 36_500
"""Days: a hundred years."""

_RSA_BITS: Final = 4096
_MOST_NAMES: Final = 100
_NAME: Final = re.compile(
    r"(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*", re.IGNORECASE
)


def self_signed(common_name: str, *, names: str, validity_days: int, algorithm: str, now: datetime) -> tuple[str, str]:
    """(certificate, key) as PEM. ``names`` are DNS names and IP addresses, parted by commas.

    Takes a while, above all for ``rsa``; call it in a thread. Raises `certificate.*`.
    """
    if not 1 <= len(common_name) <= 64 or not common_name.isprintable() or common_name != common_name.strip():
        raise _invalid("common_name", "use one line of 1 to 64 visible characters, such as mail.example.com.")
    if isinstance(validity_days, bool) or not 1 <= validity_days <= LONGEST:
        raise _invalid("validity_days", f"it is a whole number of days from 1 to {LONGEST:,}.")
    if algorithm not in ALGORITHMS:
        raise _invalid("alg", f"it is one of {', '.join(ALGORITHMS)}.")
    alternatives = _alternatives(names)
    key = _key(algorithm)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Whoever reads it may have a clock that is behind.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=validity_days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(own, critical=False)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    hashed = SHA256() if algorithm in ("rsa", "ecdsa") else None
    certificate = builder.sign(key, hashed).public_bytes(Encoding.PEM).decode()
    return certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _key(algorithm: str) -> Any:
    match algorithm:
        case "rsa":
            return rsa.generate_private_key(public_exponent=65_537, key_size=_RSA_BITS)
        case "ecdsa":
            return ec.generate_private_key(ec.SECP256R1())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return ed448.Ed448PrivateKey.generate()


def _alternatives(names: str) -> list[x509.GeneralName]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if len(wanted) > _MOST_NAMES:
        raise _invalid("subject_alt_name", f"give at most {_MOST_NAMES} names.")
    found: list[x509.GeneralName] = []
    for name in wanted:
        try:
            found.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            if len(name) > 253 or not _NAME.fullmatch(name):
                raise _invalid(
                    "subject_alt_name", "give DNS names and IP addresses, parted by commas: mail.example.com,10.0.0.1."
                ) from None
            found.append(x509.DNSName(name))
    return found


def _invalid(field: str, fault: str) -> InvalidInput:
    return InvalidInput(f"certificate.{field}_invalid", f"{field}: {fault}", field=field)
