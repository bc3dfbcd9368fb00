"""``/crypto/certificatekeypairs/``: certificates, their keys, and the making of both."""

import re
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from ostiary.api.generic import Generic, found, only_seen
from ostiary.api.operations import Asking, Operations, able, holding
from ostiary.objects.certificates import CertificateGenerationRequest, CertificateKeyPair
from ostiary.objects.kind import ADD, Caller
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms

_PATH: Final = "/crypto/certificatekeypairs/"
_PREFIX: Final = "crypto_certificatekeypairs"
_SEE: Final = "authentik_crypto.view_certificatekeypair_certificate"
_SEE_KEY: Final = "authentik_crypto.view_certificatekeypair_key"
Download = Annotated[bool, Query(description="As a file instead.")]


class CertificateData(BaseModel):
    """A PEM text."""

    data: str


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    kind = kinds["authentik_crypto.certificatekeypair"]
    certificates = rooms.certificates

    # The address of one would take it for a key, were it to come first.
    @operations.operation(
        "POST",
        f"{_PATH}generate/",
        f"{_PREFIX}_generate_create",
        who=able(kind, ADD),
        tag="crypto",
        answers=CertificateKeyPair,
    )
    async def generate(asking: Asking, body: CertificateGenerationRequest) -> dict[str, Any]:
        """Makes a key and a certificate that it signs itself. Answers 200, as authentik does."""

        async def made(row_id: str) -> None:
            await operations.made(kind, row_id, asking)

        row = await certificates.generate(
            body.common_name,
            validity_days=body.validity_days,
            names=body.subject_alt_name,
            algorithm=body.alg,
            by=asking.actor,
            beside=made,
        )
        async with rooms.database.reading() as r:
            return (await kind.read(r, [row], asking, {}))[0]

    Generic(operations, rooms.database, kind, path=_PATH, prefix=_PREFIX, key="kp_uuid")

    async def seen(kp_uuid: str, asking: Caller, codename: str) -> Any:
        async with rooms.database.reading() as r:
            row = await found(r, kind, kp_uuid, asking)
        if not asking.may.may(codename, row.id):
            raise only_seen()
        return row

    @operations.operation(
        "GET",
        f"{_PATH}{{kp_uuid}}/view_certificate/",
        f"{_PREFIX}_view_certificate_retrieve",
        who=holding(_SEE),
        tag="crypto",
        answers=CertificateData,
    )
    async def view_certificate(kp_uuid: str, asking: Asking, download: Download = False) -> Response:
        row = await seen(kp_uuid, asking, _SEE)
        return _told(row.certificate, f"{row.name}_certificate", download=download)

    @operations.operation(
        "GET",
        f"{_PATH}{{kp_uuid}}/view_private_key/",
        f"{_PREFIX}_view_private_key_retrieve",
        who=holding(_SEE_KEY),
        tag="crypto",
        answers=CertificateData,
    )
    async def view_private_key(kp_uuid: str, asking: Asking, download: Download = False) -> Response:
        """Whoever sees a key leaves an event."""
        row = await seen(kp_uuid, asking, _SEE_KEY)
        key = await certificates.reveal(row.id, by=asking.actor)
        return _told(key, f"{row.name}_private_key", download=download)


def _told(text: str, name: str, *, download: bool) -> Response:
    if not download:
        return JSONResponse({"data": text})
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    return Response(
        text,
        media_type="application/x-pem-file",
        headers={"Content-Disposition": f'attachment; filename="{plain}.pem"'},
    )
