"""When a user last changed, keys of tokens that may be shown again, and administrators who act as somebody else."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Instant

revision = "0011_0_1_people"
down_revision = "0010_0_1_outposts"


def upgrade() -> None:
    op.add_column("users", sa.Column("last_updated", Instant(), nullable=False, server_default=sa.text("0")))
    op.execute("UPDATE users SET last_updated = created")
    with op.batch_alter_table("tokens") as tokens:
        tokens.add_column(
            sa.Column(
                "key_sealed", sa.String(), nullable=True, comment="the key itself, sealed, if it may be shown again"
            )
        )
        tokens.alter_column(
            "intent",
            comment="api, app_password or recovery",
            existing_comment="api or app_password",
            existing_type=sa.String(length=16),
            existing_nullable=False,
        )
    with op.batch_alter_table("sessions") as sessions:
        sessions.add_column(
            sa.Column(
                "impersonator_id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=True,
                comment="the administrator who signed in and acts as user_id",
            )
        )
        sessions.create_foreign_key(
            op.f("fk_sessions_impersonator_id"), "users", ["impersonator_id"], ["id"], ondelete="CASCADE"
        )
        sessions.create_index(op.f("ix_sessions_impersonator_id"), ["impersonator_id"], unique=False)
