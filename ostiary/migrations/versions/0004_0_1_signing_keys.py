"""Keys that sign what applications may verify."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Instant, Json

revision = "0004_0_1_signing_keys"
down_revision = "0003_0_1_path_secrets"


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False, comment="the key's thumbprint (RFC 7638)"),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False, comment="next, current or retired"),
        sa.Column("public", Json, nullable=False, comment="the public key as a JWK"),
        sa.Column("private", sa.String(), nullable=False, comment="sealed PKCS #8 in PEM"),
        sa.Column("created", Instant(), nullable=False, comment="when it was published"),
        sa.Column("activated", Instant(), nullable=True, comment="when it began to sign"),
        sa.Column("retired", Instant(), nullable=True, comment="when it signed for the last time"),
        sa.Column("expires", Instant(), nullable=True, comment="when nothing that it signed is good any more"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("kid", name=op.f("uq_signing_keys_kid")),
    )
    active = sa.text("state <> 'retired'")
    op.create_index(
        "uq_signing_keys_state",
        "signing_keys",
        ["algorithm", "state"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )
