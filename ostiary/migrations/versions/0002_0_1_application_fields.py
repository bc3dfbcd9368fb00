"""What an application may say about how it is guarded: paths, open paths, headers, mappings, machines."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Instant, Json, Serial

revision = "0002_0_1_application_fields"
down_revision = "0001_first"


def upgrade() -> None:
    nothing, empty_list, empty_map = sa.text("''"), sa.text("'[]'"), sa.text("'{}'")
    # SQLite alters a constraint by making the table anew; its triggers are laid again at the end of every upgrade.
    with op.batch_alter_table("proxy_providers") as table:
        for column in (
            sa.Column(
                "path",
                sa.String(),
                nullable=False,
                server_default=nothing,
                comment="the application's path below its host, such as /grafana, or nothing",
            ),
            sa.Column(
                "open_paths",
                Json,
                nullable=False,
                server_default=empty_list,
                comment="paths, each open with all below it to anybody",
            ),
            sa.Column(
                "skip_path_regex",
                sa.String(),
                nullable=False,
                server_default=nothing,
                comment="open to anybody: RE2, one expression a line, each from ^ to $",
            ),
            sa.Column(
                "cors_preflight",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="whether browsers' preflight requests pass unasked",
            ),
            sa.Column(
                "header_style",
                sa.String(length=16),
                nullable=False,
                server_default="authentik",
                comment="authentik, remote or own",
            ),
            sa.Column(
                "header_names",
                Json,
                nullable=False,
                server_default=empty_map,
                comment="for style own: username, groups, email, name, uid to header",
            ),
            sa.Column(
                "group_filter",
                sa.String(),
                nullable=False,
                server_default=nothing,
                comment="RE2 that a group's whole name meets to be named to the application",
            ),
            sa.Column(
                "additional_headers",
                Json,
                nullable=False,
                server_default=empty_list,
                comment="what the attribute additionalHeaders may fill",
            ),
            sa.Column(
                "signed_identity",
                sa.Boolean(),
                nullable=False,
                server_default=sa.true(),
                comment="whether the application gets a signed assertion",
            ),
            sa.Column("basic_auth_enabled", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("basic_auth_user_attribute", sa.String(), nullable=False, server_default=nothing),
            sa.Column("basic_auth_password_attribute", sa.String(), nullable=False, server_default=nothing),
            sa.Column(
                "header_authentication",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="whether machines may come with an Authorization header",
            ),
            sa.Column(
                "jwt_issuers",
                Json,
                nullable=False,
                server_default=empty_list,
                comment="whose tokens count: issuer, audience, keys, claim, users",
            ),
        ):
            table.add_column(column)
        table.drop_constraint("uq_proxy_providers_host_key", type_="unique")
        table.create_unique_constraint("uq_proxy_providers_host_key_path", ["host_key", "path"])
    op.create_table(
        "property_mappings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("header", sa.String(length=64), nullable=False),
        sa.Column("expression", sa.String(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_property_mappings")),
        sa.UniqueConstraint("name", name=op.f("uq_property_mappings_name")),
    )
    op.create_table(
        "provider_mappings",
        sa.Column("provider_id", Serial, nullable=False),
        sa.Column("mapping_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_provider_mappings_provider_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["mapping_id"], ["property_mappings.id"], name=op.f("fk_provider_mappings_mapping_id")),
        sa.PrimaryKeyConstraint("provider_id", "mapping_id", name=op.f("pk_provider_mappings")),
    )
    op.create_index(op.f("ix_provider_mappings_mapping_id"), "provider_mappings", ["mapping_id"], unique=False)
