"""Outposts, service connections, and workers that are alive."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Instant, Json

revision = "0010_0_1_outposts"
down_revision = "0009_0_1_object_permissions"


def upgrade() -> None:
    op.create_table(
        "service_connections",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False, comment="kubernetes or docker"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("local", sa.Boolean(), nullable=False),
        sa.Column("kubeconfig", sa.String(), nullable=True, comment="sealed"),
        sa.Column("verify_ssl", sa.Boolean(), nullable=False),
        sa.Column("url", sa.String(), nullable=False, comment="of a Docker daemon"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_connections")),
        sa.UniqueConstraint("name", name=op.f("uq_service_connections_name")),
    )
    op.create_table(
        "outposts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("config", Json, nullable=False, comment="the keys that were given"),
        sa.Column("managed", sa.String(), nullable=True, comment="set for the embedded one"),
        sa.Column("service_connection_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["service_connection_id"],
            ["service_connections.id"],
            name=op.f("fk_outposts_service_connection_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outposts")),
        sa.UniqueConstraint("managed", name=op.f("uq_outposts_managed")),
        sa.UniqueConstraint("name", name=op.f("uq_outposts_name")),
    )
    op.create_index(op.f("ix_outposts_service_connection_id"), "outposts", ["service_connection_id"], unique=False)
    op.create_table(
        "outpost_providers",
        sa.Column("outpost_id", sa.String(length=36), nullable=False),
        sa.Column("provider_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["outpost_id"], ["outposts.id"], name=op.f("fk_outpost_providers_outpost_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_outpost_providers_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("outpost_id", "provider_id", name=op.f("pk_outpost_providers")),
    )
    op.create_index(op.f("ix_outpost_providers_provider_id"), "outpost_providers", ["provider_id"], unique=False)
    op.create_table(
        "outpost_workers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("hostname", sa.String(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("started", Instant(), nullable=False),
        sa.Column("last_seen", Instant(), nullable=False),
        sa.Column("fresh", sa.Boolean(), nullable=False, comment="whether it could believe its access table then"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outpost_workers")),
    )
    op.create_index(op.f("ix_outpost_workers_last_seen"), "outpost_workers", ["last_seen"], unique=False)
