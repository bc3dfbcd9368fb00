"""Certificates with their keys. Neither is in the object itself; operations of their own show them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from sqlalchemy import false

from ostiary.events.record import Actor
from ostiary.keys.certificates import Certificates
from ostiary.keys.models import CertificateKeyPair as Row
from ostiary.objects.kind import Caller, Fields, Filter, Kind, Shown, Words, equals, one_of
from ostiary.storage.session import Reading

KeyType = Literal["rsa", "ec", "dsa", "ed25519", "ed448"]


class CertificateKeyPairRequest(Fields):
    """What a client may set: PEM texts."""

    name: str
    certificate_data: str
    key_data: str = ""


class CertificateKeyPair(Shown):
    """What a client receives."""

    pk: str
    name: str
    fingerprint_sha256: str | None
    fingerprint_sha1: str | None
    cert_expiry: datetime | None
    cert_subject: str | None
    private_key_available: bool
    key_type: KeyType | None
    certificate_download_url: str
    private_key_download_url: str
    managed: str | None


class CertificateGenerationRequest(Fields):
    """What a certificate that is made here says."""

    common_name: str
    subject_alt_name: str = ""
    validity_days: int
    alg: Literal["rsa", "ecdsa", "ed25519", "ed448"] = "rsa"


class CertificateKind(Kind):
    """Kind of certificates."""

    words = Words(
        "authentik_crypto.certificatekeypair",
        "Certificate-Key Pair",
        "Certificate-Key Pairs",
        "ak-crypto-certificate-form",
    )
    table = Row
    pk = Row.id
    key = Row.id
    fields = CertificateKeyPairRequest
    shown = CertificateKeyPair
    search = (Row.name, Row.subject)
    ordering: ClassVar = {"name": Row.name, "cert_expiry": Row.expires, "key_type": Row.key_type}
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals(Row.name),
        "has_key": Filter(bool, lambda has: Row.private.is_not(None) if has else Row.private.is_(None)),
        "key_type": one_of(Row.key_type, list[KeyType]),
        "managed": Filter(str, lambda _: false()),
    }
    identifiers: ClassVar = {"name": Row.name}
    secrets = frozenset({"key_data"})
    standing_for = ("fingerprint_sha256", "private_key_available")

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [
            {
                "pk": row.id,
                "name": row.name,
                "fingerprint_sha256": row.fingerprint_sha256,
                "fingerprint_sha1": row.fingerprint_sha1,
                "cert_expiry": row.expires,
                "cert_subject": row.subject,
                "private_key_available": row.private is not None,
                "key_type": row.key_type,
                "certificate_download_url": f"{_PATH}{row.id}/view_certificate/?download=true",
                "private_key_download_url": f"{_PATH}{row.id}/view_private_key/?download=true",
                "managed": None,
            }
            for row in rows
        ]

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        row = await self._certificates.create(values, by=by)
        return row.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        await self._certificates.update(row.id, values, by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._certificates.delete(row.id, by=by)

    async def unshown(self, r: Reading, rows: Sequence[Any]) -> list[dict[str, Any]]:
        return [{"certificate_data": row.certificate} for row in rows]

    async def holds(self, r: Reading, row: Any, name: str, value: Any) -> bool:
        if name == "certificate_data":
            return bool(row.certificate == value)
        return name == "key_data" and isinstance(value, str) and self._certificates.is_key_of(row, value)


_PATH = "/api/v3/crypto/certificatekeypairs/"
