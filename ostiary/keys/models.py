"""Keys that sign, each with the time of its life, and certificates with theirs."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


class SigningKey(Base):
    """One key pair. Of each algorithm one row is `current` and one `next`; the rest are `retired`.

    All of them are published. Only the current one signs.
    """

    __tablename__ = "signing_keys"
    __table_args__ = (
        # Two servers that start at once, or a hand with a database shell, still leave one that signs.
        Index(
            "uq_signing_keys_state",
            "algorithm",
            "state",
            unique=True,
            sqlite_where=text("state <> 'retired'"),
            postgresql_where=text("state <> 'retired'"),
        ),
    )

    id: Mapped[Id]
    kid: Mapped[str] = mapped_column(String(64), unique=True, comment="the key's thumbprint (RFC 7638)")
    algorithm: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(8), comment="next, current or retired")
    public: Mapped[dict[str, Any]] = mapped_column(comment="the public key as a JWK")
    private: Mapped[str] = mapped_column(comment="sealed PKCS #8 in PEM")
    created: Mapped[datetime] = mapped_column(comment="when it was published")
    activated: Mapped[datetime | None] = mapped_column(comment="when it began to sign")
    retired: Mapped[datetime | None] = mapped_column(comment="when it signed for the last time")
    expires: Mapped[datetime | None] = mapped_column(comment="when nothing that it signed is good any more")


class CertificateKeyPair(Base):
    """A certificate, perhaps with its private key. What it says of itself stands in columns, to be found by."""

    __tablename__ = "certificate_key_pairs"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    certificate: Mapped[str] = mapped_column(comment="PEM, as it was given")
    private: Mapped[str | None] = mapped_column(comment="sealed PEM, as it was given")
    subject: Mapped[str] = mapped_column(comment="as RFC 4514 writes it")
    key_type: Mapped[str] = mapped_column(String(8), comment="rsa, ec, dsa, ed25519 or ed448")
    fingerprint_sha256: Mapped[str] = mapped_column(String(95))
    fingerprint_sha1: Mapped[str] = mapped_column(String(59))
    expires: Mapped[datetime] = mapped_column(index=True, comment="when the certificate says that it ends")
    warned: Mapped[int | None] = mapped_column(comment="days before its end at which the last warning was written")
