"""Certificates with their keys."""

import sqlalchemy as sa
from alembic import op

revision = "0017_0_1_certificates"
down_revision = "0016_0_1_brands"


def upgrade() -> None:
    op.create_table(
        "certificate_key_pairs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("certificate", sa.String(), nullable=False, comment="PEM, as it was given"),
        sa.Column("private", sa.String(), nullable=True, comment="sealed PEM, as it was given"),
        sa.Column("subject", sa.String(), nullable=False, comment="as RFC 4514 writes it"),
        sa.Column("key_type", sa.String(length=8), nullable=False, comment="rsa, ec, dsa, ed25519 or ed448"),
        sa.Column("fingerprint_sha256", sa.String(length=95), nullable=False),
        sa.Column("fingerprint_sha1", sa.String(length=59), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False, comment="when the certificate says that it ends"),
        sa.Column(
            "warned",
            sa.Integer(),
            nullable=True,
            comment="days before its end at which the last warning was written",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_key_pairs")),
        sa.UniqueConstraint("name", name=op.f("uq_certificate_key_pairs_name")),
    )
    op.create_index(op.f("ix_certificate_key_pairs_expires"), "certificate_key_pairs", ["expires"], unique=False)
