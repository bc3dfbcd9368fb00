"""Stored certificates: imported, generated, shown, deleted, and spoken of before they expire."""

import asyncio
import hmac
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ostiary.events.catalog import Action
from ostiary.events.record import SYSTEM, Actor, record
from ostiary.keys.models import CertificateKeyPair
from ostiary.keys.pem import Certificate, check_key, read_certificate
from ostiary.keys.self_signed import self_signed
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.kit.given import refuse_unknown
from ostiary.storage.base import new_id
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Reading, Writing

ROOM: Final = "keys"
WARNINGS: Final = (30, 7, 1)
"""Days before its end at which a certificate is spoken of, once each."""

_PURPOSE: Final = "certificate-key"
_FIELDS: Final = ("name", "certificate_data", "key_data")
_LONGEST_NAME: Final = 255

Users = Callable[[Reading, CertificateKeyPair], Awaitable[Sequence[str]]]
"""Who uses a certificate, by name."""


class Certificates:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together.

    ``users`` answer for rooms above this one; the composition root fills the list.
    """

    def __init__(self, *, database: Database, clock: Clock, secrets: Secrets) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self.users: list[Users] = []

    async def create(self, values: Mapping[str, Any], *, by: Actor) -> CertificateKeyPair:
        """``values`` are authentik's fields; ``key_data`` may be empty. Raises `certificate.*`."""
        given = _checked(values)
        for field in ("name", "certificate_data"):
            if field not in given:
                raise _invalid(field, "it is needed.")
        read = read_certificate(given["certificate_data"])
        if given.get("key_data"):
            check_key(given["key_data"], read)
        return await self._store(given["name"], given["certificate_data"], read, given.get("key_data", ""), by)

    async def generate(
        self,
        common_name: str,
        *,
        validity_days: int,
        names: str = "",
        algorithm: str = "rsa",
        by: Actor,
        beside: Callable[[str], Awaitable[None]] | None = None,
    ) -> CertificateKeyPair:
        """A key and a certificate that it signs itself, called by its common name. Raises `certificate.*`.

        ``beside`` happens with its id in the transaction that stores it; the making, which takes a while, comes before.
        """
        name = _name(common_name, "common_name")
        async with self._database.reading() as r:
            if await r.scalar(select(CertificateKeyPair.id).where(CertificateKeyPair.name == name)) is not None:
                raise _taken("common_name")
        certificate, key = await asyncio.to_thread(
            self_signed,
            name,
            names=names,
            validity_days=validity_days,
            algorithm=algorithm,
            now=self._clock.now(),
        )
        async with self._database.together():
            row = await self._store(name, certificate, read_certificate(certificate), key, by, field="common_name")
            if beside is not None:
                await beside(row.id)
        return row

    async def update(self, certificate_id: str, values: Mapping[str, Any], *, by: Actor) -> CertificateKeyPair:
        """Changes the given fields. A certificate that is renewed keeps its key unless it is given another."""
        given = _checked(values)
        async with self._database.writing() as w:
            row = await w.get(CertificateKeyPair, certificate_id, with_for_update=True, populate_existing=True)
            if row is None:
                raise _missing()
            changes: dict[str, Any] = {}
            if "name" in given and given["name"] != row.name:
                changes["name"] = [row.name, given["name"]]
                row.name = given["name"]
            text = given.get("certificate_data", row.certificate)
            old = self._opened(row)
            key = given.get("key_data", old)
            if (text, key) != (row.certificate, old):
                read = read_certificate(text)
                if key:
                    check_key(key, read)
                if text != row.certificate:
                    changes["fingerprint_sha256"] = [row.fingerprint_sha256, read.fingerprint_sha256]
                if key != old:
                    changes["private"] = "given" if key and not old else "removed" if old and not key else "replaced"
                self._put(row, text, read, key)
            if changes:
                await _flush(w, "name")
                await self._record(w, Action.MODEL_UPDATED, row, by, changes=changes)
            return row

    async def delete(self, certificate_id: str, *, by: Actor) -> None:
        """Deletes one that nothing uses. Raises `certificate.in_use`."""
        async with self._database.writing() as w:
            row = await w.get(CertificateKeyPair, certificate_id)
            if row is None:
                raise _missing()
            used = [name for users in self.users for name in await users(w, row)]
            if used:
                raise Conflict("certificate.in_use", f"The certificate {row.name} is used by {', '.join(used[:5])}.")
            await w.delete(row)
            await self._record(w, Action.MODEL_DELETED, row, by)

    async def reveal(self, certificate_id: str, *, by: Actor) -> str:
        """The private key, with the event that it was shown; nothing if there is none. Raises `certificate.not_found`,
        `secret.unreadable`."""
        async with self._database.writing() as w:
            row = await w.get(CertificateKeyPair, certificate_id)
            if row is None:
                raise _missing()
            key = self._opened(row)
            if key:
                await self._record(w, Action.SECRET_VIEW, row, by)
            return key

    def is_key_of(self, row: CertificateKeyPair, key: str) -> bool:
        """Whether that is what is stored as its key. Raises `secret.unreadable`."""
        return hmac.compare_digest(self._opened(row).encode(), key.encode("utf-8", "replace"))

    async def watch(self) -> None:
        """Records what is about to expire, 30, 7 and 1 days before, once each; a job calls it.

        Seals under the first secret key what was sealed under another.
        """
        now = self._clock.now()
        async with self._database.writing() as w:
            soon = CertificateKeyPair.expires <= now + timedelta(days=max(WARNINGS))
            for row in await w.scalars(select(CertificateKeyPair).where(soon).with_for_update()):
                due = min(days for days in WARNINGS if row.expires <= now + timedelta(days=days))
                if row.warned is None or due < row.warned:
                    row.warned = due
                    await self._record(
                        w, Action.CONFIGURATION_WARNING, row, SYSTEM, reason="certificate_expires", expires=_when(row)
                    )
            for row in await w.scalars(select(CertificateKeyPair).where(CertificateKeyPair.private.is_not(None))):
                if row.private is not None and self._secrets.needs_resealing(row.private):
                    row.private = self._sealed(row.id, self._opened(row))

    async def _store(
        self, name: str, text: str, read: Certificate, key: str, by: Actor, field: str = "name"
    ) -> CertificateKeyPair:
        row = CertificateKeyPair(id=new_id(), name=name)
        self._put(row, text, read, key)
        async with self._database.writing() as w:
            w.add(row)
            await _flush(w, field)
            await self._record(w, Action.MODEL_CREATED, row, by, expires=_when(row), with_key=bool(key))
        return row

    def _put(self, row: CertificateKeyPair, text: str, read: Certificate, key: str) -> None:
        if read.expires != row.expires:
            row.warned = None
        row.certificate, row.subject, row.key_type, row.expires = text, read.subject, read.key_type, read.expires
        row.fingerprint_sha256, row.fingerprint_sha1 = read.fingerprint_sha256, read.fingerprint_sha1
        row.private = self._sealed(row.id, key) if key else None

    def _sealed(self, row_id: str, key: str) -> str:
        return self._secrets.seal(_PURPOSE, key.encode(), f"certificate_key_pairs.private {row_id}")

    def _opened(self, row: CertificateKeyPair) -> str:
        if row.private is None:
            return ""
        return self._secrets.open(_PURPOSE, row.private, f"certificate_key_pairs.private {row.id}").decode()

    async def _record(self, w: Writing, action: Action, row: CertificateKeyPair, by: Actor, **context: Any) -> None:
        about = {"model": "certificate", "pk": row.id, "name": row.name}
        await record(w, self._clock, action, ROOM, by, **about, **context)


async def by_name(r: Reading, name: str) -> CertificateKeyPair:
    """Raises `certificate.not_found`."""
    found = await r.scalar(select(CertificateKeyPair).where(CertificateKeyPair.name == _name(name, "name")))
    if found is None:
        raise _missing()
    return found


async def certificates(r: Reading) -> Sequence[CertificateKeyPair]:
    """All of them, the one that ends first before the others."""
    return (await r.scalars(select(CertificateKeyPair).order_by(CertificateKeyPair.expires))).all()


def _when(row: CertificateKeyPair) -> str:
    return f"{row.expires:%Y-%m-%dT%H:%M:%SZ}"


def _checked(values: Mapping[str, Any]) -> dict[str, str]:
    refuse_unknown("certificate", "a certificate", values, _FIELDS)
    checked: dict[str, str] = {}
    for field, value in values.items():
        if not isinstance(value, str):
            raise _invalid(field, "a text is needed.")
        checked[field] = _name(value, field) if field == "name" else value
    return checked


def _name(text: str, field: str) -> str:
    name = unicodedata.normalize("NFC", text[: 4 * _LONGEST_NAME]).strip()
    if not name or len(name) > _LONGEST_NAME or len(text) > 4 * _LONGEST_NAME or not name.isprintable():
        raise _invalid(field, f"use one line of 1 to {_LONGEST_NAME} visible characters, such as mail.example.com.")
    return name


async def _flush(w: Writing, field: str) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise _taken(field) from error


def _taken(field: str) -> Conflict:
    return Conflict(
        "certificate.name_taken", f"{field}: another certificate is called so; choose another.", field=field
    )


def _missing() -> NotFound:
    return NotFound("certificate.not_found", "certificate: there is no such certificate.", field="certificate")


def _invalid(field: str, fault: str) -> InvalidInput:
    return InvalidInput(f"certificate.{field}_invalid", f"{field}: {fault}", field=field)
