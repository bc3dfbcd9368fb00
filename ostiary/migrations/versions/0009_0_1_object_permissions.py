"""Permissions for single objects know their model; roles get permissions for what their holders make."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Json, Serial

revision = "0009_0_1_object_permissions"
down_revision = "0008_0_1_system"


def upgrade() -> None:
    op.add_column(
        "role_permissions",
        sa.Column(
            "model", sa.String(), server_default="", nullable=False, comment="authentik's, as authentik_core.user"
        ),
    )
    op.create_index(op.f("ix_role_permissions_object_pk"), "role_permissions", ["object_pk"], unique=False)
    op.create_table(
        "initial_permissions",
        sa.Column("id", Serial, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role_id", sa.String(length=36), nullable=False),
        sa.Column(
            "codenames",
            Json,
            nullable=False,
            comment="such as authentik_core.view_user",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_initial_permissions_role_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_initial_permissions")),
        sa.UniqueConstraint("name", name=op.f("uq_initial_permissions_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_initial_permissions_role_id"), "initial_permissions", ["role_id"], unique=False)
