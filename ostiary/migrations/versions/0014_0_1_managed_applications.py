"""What API clients say of applications and providers besides, and mappings that come with the installation."""

import sqlalchemy as sa
from alembic import op

revision = "0014_0_1_managed_applications"
down_revision = "0013_0_1_flow_fields"


def upgrade() -> None:
    op.add_column(
        "applications",
        sa.Column(
            "publisher", sa.String(), server_default="", nullable=False, comment="who made it, for people to read"
        ),
    )
    op.add_column("applications", sa.Column("open_in_new_tab", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(
        "applications",
        sa.Column(
            "hidden", sa.Boolean(), server_default=sa.false(), nullable=False, comment="left out of people's pages"
        ),
    )
    op.add_column(
        "proxy_providers",
        sa.Column(
            "session_validity", sa.String(), server_default="", nullable=False, comment="the same as it was written"
        ),
    )
    with op.batch_alter_table("property_mappings") as table:
        table.add_column(sa.Column("description", sa.String(), server_default="", nullable=False))
        table.add_column(
            sa.Column("scope", sa.String(), server_default="", nullable=False, comment="the scope of a managed one")
        )
        table.add_column(
            sa.Column("managed", sa.String(), nullable=True, comment="authentik's name of one that comes with us")
        )
        table.create_unique_constraint(op.f("uq_property_mappings_managed"), ["managed"])
