"""Path secrets, made and rotated by command."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Instant

revision = "0003_0_1_path_secrets"
down_revision = "0002_0_1_application_fields"


def upgrade() -> None:
    op.create_table(
        "path_secrets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column(
            "start",
            sa.String(length=4),
            nullable=False,
            comment="its first characters, by which people tell one from another",
        ),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_path_secrets")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_path_secrets_secret_hash")),
    )
    op.create_index(op.f("ix_path_secrets_expires"), "path_secrets", ["expires"], unique=False)
    op.create_index(
        op.f("ix_path_secrets_name"),
        "path_secrets",
        ["name"],
        unique=True,
        sqlite_where=sa.text("expires IS NULL"),
        postgresql_where=sa.text("expires IS NULL"),
    )
