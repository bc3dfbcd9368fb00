"""Brands: what each of our hosts looks like. The default one is made at the next start."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016_0_1_brands"
down_revision = "0015_0_1_policies"

_FLOWS = ("flow_authentication", "flow_invalidation", "flow_recovery", "flow_unenrollment", "flow_user_settings")


def upgrade() -> None:
    op.create_table(
        "brands",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("domain", sa.String(), nullable=False, comment="host[:port], matched exactly"),
        sa.Column("is_default", sa.Boolean(), nullable=False, comment="for every host of ours that no brand names"),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("logo", sa.String(), nullable=False, comment="https address or data: address of a picture"),
        sa.Column("favicon", sa.String(), nullable=False, comment="the same"),
        sa.Column("background", sa.String(), nullable=False, comment="the same"),
        sa.Column("custom_css", sa.String(), nullable=False),
        *(sa.Column(name, sa.String(length=36), nullable=True) for name in _FLOWS),
        sa.Column("default_application", sa.String(length=36), nullable=True, comment="for people from outside"),
        sa.Column(
            "attributes", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        *(
            sa.ForeignKeyConstraint([name], ["flows.id"], name=op.f(f"fk_brands_{name}"), ondelete="SET NULL")
            for name in _FLOWS
        ),
        sa.ForeignKeyConstraint(
            ["default_application"],
            ["applications.id"],
            name=op.f("fk_brands_default_application"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brands")),
        sa.UniqueConstraint("domain", name=op.f("uq_brands_domain")),
    )
    for name in (*_FLOWS, "default_application"):
        op.create_index(op.f(f"ix_brands_{name}"), "brands", [name], unique=False)
    op.create_index(
        "uq_brands_is_default",
        "brands",
        ["is_default"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )
