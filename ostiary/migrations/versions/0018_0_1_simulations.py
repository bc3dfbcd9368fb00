"""Simulations that outlast the request that asked for them."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Instant, Json

revision = "0018_0_1_simulations"
down_revision = "0017_0_1_certificates"


def upgrade() -> None:
    op.create_table(
        "simulations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("heard", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, comment="running, done, failed or cancelled"),
        sa.Column("progress", sa.Integer(), nullable=False, comment="percent"),
        sa.Column("report", Json, nullable=True),
        sa.Column("error", Json, nullable=True, comment="status, code, message, field"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_simulations")),
    )
    op.create_index(op.f("ix_simulations_expires"), "simulations", ["expires"], unique=False)
