"""Roles: what delegated administrators may do."""

import sqlalchemy as sa
from alembic import op

revision = "0007_0_1_roles"
down_revision = "0006_0_1_lost_bindings"


def upgrade() -> None:
    op.create_table(
        "roles",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("name", name=op.f("uq_roles_name")),
    )
    op.create_table(
        "role_permissions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role_id", sa.String(length=36), nullable=False),
        sa.Column("codename", sa.String(), nullable=False, comment="authentik's, such as authentik_core.view_user"),
        sa.Column(
            "object_pk",
            sa.String(),
            nullable=False,
            comment="the one object's primary key as text; empty for every",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_role_permissions_role_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_permissions")),
        sa.UniqueConstraint(
            "role_id", "codename", "object_pk", name=op.f("uq_role_permissions_role_id_codename_object_pk")
        ),
        sqlite_autoincrement=True,
    )
    for table, other, kind in (
        ("role_users", "user", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        ("role_groups", "group", sa.String(length=36)),
    ):
        op.create_table(
            table,
            sa.Column("role_id", sa.String(length=36), nullable=False),
            sa.Column(f"{other}_id", kind, nullable=False),
            sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f(f"fk_{table}_role_id"), ondelete="CASCADE"),
            sa.ForeignKeyConstraint(
                [f"{other}_id"], [f"{other}s.id"], name=op.f(f"fk_{table}_{other}_id"), ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("role_id", f"{other}_id", name=op.f(f"pk_{table}")),
        )
        op.create_index(op.f(f"ix_{table}_{other}_id"), table, [f"{other}_id"], unique=False)
