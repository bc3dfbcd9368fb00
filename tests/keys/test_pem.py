from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from ostiary.keys.pem import LARGEST_CERTIFICATE, check_key, read_certificate
from ostiary.keys.self_signed import self_signed
from ostiary.kit.errors import InvalidInput

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@cache
def made(name: str = "mail.example.com", algorithm: str = "ecdsa", names: str = "") -> tuple[str, str]:
    return self_signed(name, names=names, validity_days=30, algorithm=algorithm, now=NOW)


def signed_by(key: dsa.DSAPrivateKey | rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def pem(key: rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("rsa", "rsa"), ("ecdsa", "ec"), ("ed25519", "ed25519"), ("ed448", "ed448")]
)
def test_what_is_made_here_is_read_here(algorithm: str, kind: str) -> None:
    certificate, key = made(algorithm=algorithm)
    read = read_certificate(certificate)
    check_key(key, read)
    assert (read.subject, read.key_type) == ("CN=mail.example.com", kind)
    assert read.expires == NOW + timedelta(days=30)
    parsed = x509.load_pem_x509_certificate(certificate.encode())
    assert read.fingerprint_sha256 == parsed.fingerprint(SHA256()).hex(":")
    parsed.verify_directly_issued_by(parsed)


def test_names_and_addresses_are_what_the_certificate_is_for() -> None:
    certificate, _ = made(names="mail.example.com, *.example.com ,10.0.0.1,2001:db8::1,")
    names = x509.load_pem_x509_certificate(certificate.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["mail.example.com", "*.example.com"]
    assert [str(one) for one in names.value.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "2001:db8::1"]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("common_name", {"common_name": ""}),
        ("common_name", {"common_name": "x" * 65}),
        ("common_name", {"common_name": "a\nb"}),
        ("validity_days", {"validity_days": 0}),
        ("validity_days", {"validity_days": 36_501}),
        ("validity_days", {"validity_days": True}),
        ("alg", {"algorithm": "dsa"}),
        ("subject_alt_name", {"names": "not a name"}),
        ("subject_alt_name", {"names": "a.*.example.com"}),
        ("subject_alt_name", {"names": "bücher.example"}),
        ("subject_alt_name", {"names": ",".join(["a.example.com"] * 101)}),
    ],
)
def test_what_no_certificate_can_say_is_refused(field: str, given: dict[str, str | int]) -> None:
    whole: dict[str, Any] = {
        "common_name": "a",
        "names": "",
        "validity_days": 1,
        "algorithm": "ecdsa",
        "now": NOW,
    } | given
    with pytest.raises(InvalidInput, match=rf"certificate\.{field}_invalid") as refused:
        self_signed(**whole)
    assert refused.value.field == field


def test_of_a_chain_the_first_counts_and_dsa_is_read_too() -> None:
    first, second = made()[0], made("other")[0]
    assert read_certificate("a word before\n" + first + second).subject == "CN=mail.example.com"
    key = dsa.generate_private_key(2048)
    read = read_certificate(signed_by(key))
    assert read.key_type == "dsa"
    check_key(pem(key), read)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n",
        "\0",
        "é",
        "x" * (LARGEST_CERTIFICATE + 1),
    ],
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"certificate\.certificate_data_invalid"):
        read_certificate(text)


def test_a_key_among_certificates_is_refused_as_it_would_be_shown_to_many() -> None:
    certificate, key = made()
    for text in (certificate + key, key + certificate):
        with pytest.raises(InvalidInput, match=r"certificate\.certificate_data_invalid.*key_data"):
            read_certificate(text)


def test_only_the_certificates_own_key_is_taken_and_only_in_the_open() -> None:
    read = read_certificate(made()[0])
    with pytest.raises(InvalidInput, match=r"certificate\.key_mismatch"):
        check_key(made("other")[1], read)
    with pytest.raises(InvalidInput, match=r"certificate\.key_mismatch"):
        check_key(made("other", "ed25519")[1], read)
    key = load_pem_private_key(made()[1].encode(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"p")).decode()
    with pytest.raises(InvalidInput, match=r"certificate\.key_data_invalid.*encrypted"):
        check_key(locked, read)
    for text in ("x", made()[0], "\0", "é", "x" * 16_385):
        with pytest.raises(InvalidInput, match=r"certificate\.key_data_invalid"):
            check_key(text, read)


def test_an_rsa_key_whose_numbers_do_not_belong_together_is_refused() -> None:
    key = rsa.generate_private_key(65_537, 2048)
    read = read_certificate(signed_by(key))
    check_key(pem(key), read)
    own = key.private_numbers()
    other = rsa.generate_private_key(65_537, 2048).private_numbers()
    public = own.public_numbers
    wrong = (
        rsa.RSAPrivateNumbers(own.p, own.q, other.d, own.dmp1, own.dmq1, own.iqmp, public),
        rsa.RSAPrivateNumbers(own.p, own.q, own.d, own.dmp1, own.dmq1, own.iqmp + 2, public),
        rsa.RSAPrivateNumbers(own.p, own.q, own.d, own.dmp1 + 2, own.dmq1, own.iqmp, public),
    )
    for numbers in wrong:
        broken = numbers.private_key(unsafe_skip_rsa_key_validation=True)
        with pytest.raises(InvalidInput, match=r"certificate\.key_data_invalid.*belong together"):
            check_key(pem(broken), read)
