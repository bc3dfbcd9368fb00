"""Blueprints: what was applied, and which objects are theirs."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Instant, Json

revision = "0012_0_1_blueprints"
down_revision = "0011_0_1_people"


def upgrade() -> None:
    op.create_table(
        "blueprints",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("context", Json, nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False, comment="successful, error or unknown"),
        sa.Column("labels", Json, nullable=False, comment="of its metadata"),
        sa.Column("last_applied", Instant(), nullable=True),
        sa.Column("last_applied_hash", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blueprints")),
        sa.UniqueConstraint("name", name=op.f("uq_blueprints_name")),
    )
    op.create_table(
        "blueprint_objects",
        sa.Column("blueprint_id", sa.String(length=36), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False, comment="authentik's label"),
        sa.Column("pk", sa.String(length=64), nullable=False),
        sa.Column(
            "kept",
            sa.Boolean(),
            nullable=False,
            comment="whether applying the blueprint again sets the object back",
        ),
        sa.ForeignKeyConstraint(
            ["blueprint_id"],
            ["blueprints.id"],
            name=op.f("fk_blueprint_objects_blueprint_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("blueprint_id", "model", "pk", name=op.f("pk_blueprint_objects")),
    )
    op.create_index("ix_blueprint_objects_model_pk", "blueprint_objects", ["model", "pk"], unique=False)
