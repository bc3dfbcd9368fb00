"""The whole schema of the first release."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Instant, Json, Serial

revision = "0001_first"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", Serial, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("room", sa.String(length=32), nullable=False, comment="the feature that recorded it"),
        sa.Column("user", Json, nullable=False, comment="{pk, username} of the person, {} for the system"),
        sa.Column("client_ip", sa.String(length=45), nullable=True),
        sa.Column("context", Json, nullable=False),
        sa.Column(
            "xid",
            sa.BigInteger(),
            nullable=True,
            comment="the writing transaction on PostgreSQL, by which a follower finds late commits",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("uuid", name=op.f("uq_events_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_events_action"), "events", ["action"], unique=False)
    op.create_index(op.f("ix_events_created"), "events", ["created"], unique=False)
    op.create_index(op.f("ix_events_xid"), "events", ["xid"], unique=False)
    op.create_table(
        "feed",
        sa.Column("id", Serial, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False, comment="microseconds since 1970, the database's clock"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "flows",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("designation", sa.String(length=32), nullable=False),
        sa.Column("authentication", sa.String(length=32), nullable=False, comment="who may run it"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flows")),
        sa.UniqueConstraint("slug", name=op.f("uq_flows_slug")),
    )
    op.create_table(
        "groups",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_superuser", sa.Boolean(), nullable=False),
        sa.Column("attributes", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_groups_name")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("incarnation", sa.String(length=36), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column(
            "canary",
            sa.String(),
            nullable=False,
            comment="sealed with the first secret key; a start with another key is refused",
        ),
        sa.Column("base_url", sa.String(), nullable=True, comment="confirmed on the set-up page; configuration wins"),
        sa.Column("setup_code_hash", sa.String(), nullable=True),
        sa.Column("setup_expires", Instant(), nullable=True),
        sa.Column("setup_failures", sa.Integer(), nullable=False),
        sa.Column("setup_completed", Instant(), nullable=True, comment="set once, never cleared"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False, comment="microseconds since 1970, the database's clock"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "lockouts",
        sa.Column("subject", sa.String(length=64), nullable=False, comment="keyed hash of the canonical name or peer"),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("window_started", Instant(), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_lockouts")),
    )
    op.create_index(op.f("ix_lockouts_window_started"), "lockouts", ["window_started"], unique=False)
    op.create_table(
        "policies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("expression", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sa.UniqueConstraint("name", name=op.f("uq_policies_name")),
    )
    op.create_table(
        "providers",
        sa.Column("id", Serial, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("authentication_flow", sa.String(), nullable=True),
        sa.Column("authorization_flow", sa.String(), nullable=False),
        sa.Column("invalidation_flow", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
        sa.UniqueConstraint("name", name=op.f("uq_providers_name")),
        sa.UniqueConstraint("uuid", name=op.f("uq_providers_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "stages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stages")),
        sa.UniqueConstraint("name", name=op.f("uq_stages_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", Serial, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("attributes", Json, nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("password_changed", Instant(), nullable=True),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("last_login", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
        sa.UniqueConstraint("uuid", name=op.f("uq_users_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_users_email"), "users", ["email"], unique=False)
    op.create_table(
        "applications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("icon", sa.String(), nullable=False),
        sa.Column("launch_url", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False, comment="whom a refused person may ask"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("access", sa.String(length=8), nullable=False, comment="everyone or bound"),
        sa.Column("policy_engine_mode", sa.String(length=3), nullable=False),
        sa.Column("provider_id", Serial, nullable=True),
        sa.Column("created", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_applications_provider_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applications")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_applications_provider_id")),
        sa.UniqueConstraint("slug", name=op.f("uq_applications_slug")),
    )
    op.create_table(
        "flow_runs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("flow_id", sa.String(length=36), nullable=False),
        sa.Column("browser_hash", sa.String(length=64), nullable=False, comment="of the form cookie that began it"),
        sa.Column("state", sa.String(), nullable=False, comment="sealed"),
        sa.Column("expires", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["flow_id"], ["flows.id"], name=op.f("fk_flow_runs_flow_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_runs")),
    )
    op.create_index(op.f("ix_flow_runs_expires"), "flow_runs", ["expires"], unique=False)
    op.create_table(
        "flow_stage_bindings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("flow_id", sa.String(length=36), nullable=False),
        sa.Column("stage_id", sa.String(length=36), nullable=False),
        sa.Column("order", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flow_id"], ["flows.id"], name=op.f("fk_flow_stage_bindings_flow_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["stages.id"], name=op.f("fk_flow_stage_bindings_stage_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_stage_bindings")),
        sa.UniqueConstraint("flow_id", "order", name=op.f("uq_flow_stage_bindings_flow_id_order")),
    )
    op.create_index(op.f("ix_flow_stage_bindings_stage_id"), "flow_stage_bindings", ["stage_id"], unique=False)
    op.create_table(
        "group_parents",
        sa.Column("group_id", sa.String(length=36), nullable=False),
        sa.Column("parent_id", sa.String(length=36), nullable=False),
        sa.CheckConstraint("group_id <> parent_id", name=op.f("ck_group_parents_not_itself")),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_group_parents_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["groups.id"], name=op.f("fk_group_parents_parent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "parent_id", name=op.f("pk_group_parents")),
    )
    op.create_index(op.f("ix_group_parents_parent_id"), "group_parents", ["parent_id"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("user_id", Serial, nullable=False),
        sa.Column("group_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_memberships_group_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "group_id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_group_id"), "memberships", ["group_id"], unique=False)
    op.create_table(
        "proxy_providers",
        sa.Column("id", Serial, autoincrement=False, nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("handoff", sa.String(length=8), nullable=False, comment="callback or in_place"),
        sa.Column(
            "external_host", sa.String(), nullable=False, comment="canonical origin, such as https://hello.example.com"
        ),
        sa.Column("host_key", sa.String(), nullable=False, comment="host[:port] of external_host, the key of a check"),
        sa.Column("cookie_domain", sa.String(), nullable=False),
        sa.Column("session_seconds", sa.Integer(), nullable=False, comment="longest life of an application session"),
        sa.ForeignKeyConstraint(["id"], ["providers.id"], name=op.f("fk_proxy_providers_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxy_providers")),
        sa.UniqueConstraint("host_key", name=op.f("uq_proxy_providers_host_key")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", Serial, nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("authenticated", Instant(), nullable=False, comment="when the person last proved who they are"),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("last_used", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=False, comment="absolute end"),
        sa.Column("client_ip", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=512), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index(op.f("ix_sessions_expires"), "sessions", ["expires"], unique=False)
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("user_id", Serial, nullable=False),
        sa.Column("intent", sa.String(length=16), nullable=False, comment="api or app_password"),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column(
            "application", sa.String(), nullable=True, comment="an app password opens only the application of this slug"
        ),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=True),
        sa.Column("last_used", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("identifier", name=op.f("uq_tokens_identifier")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_tokens_key_hash")),
    )
    op.create_index(op.f("ix_tokens_expires"), "tokens", ["expires"], unique=False)
    op.create_index("ix_tokens_user_id_intent", "tokens", ["user_id", "intent"], unique=False)
    op.create_table(
        "app_sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("provider_id", Serial, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="app or domain"),
        sa.Column(
            "host",
            sa.String(),
            nullable=False,
            comment="the host the cookie was set on; for a domain cookie, the domain",
        ),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_app_sessions_provider_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_app_sessions_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_app_sessions_token_hash")),
    )
    op.create_index(op.f("ix_app_sessions_provider_id"), "app_sessions", ["provider_id"], unique=False)
    op.create_index(op.f("ix_app_sessions_session_id"), "app_sessions", ["session_id"], unique=False)
    op.create_table(
        "policy_bindings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("application_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", Serial, nullable=True),
        sa.Column("group_id", sa.String(length=36), nullable=True),
        sa.Column("policy_id", sa.String(length=36), nullable=True),
        sa.Column("order", sa.Integer(), nullable=False),
        sa.Column("negate", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column(
            "failure_result", sa.Boolean(), nullable=False, comment="kept for API clients; an error always denies"
        ),
        sa.Column("expires", Instant(), nullable=True),
        sa.CheckConstraint(
            "(CASE WHEN user_id IS NULL THEN 0 ELSE 1 END + CASE WHEN group_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN policy_id IS NULL THEN 0 ELSE 1 END) = 1",
            name=op.f("ck_policy_bindings_one_subject"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.id"], name=op.f("fk_policy_bindings_application_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_policy_bindings_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policies.id"], name=op.f("fk_policy_bindings_policy_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_policy_bindings_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_bindings")),
    )
    op.create_index(op.f("ix_policy_bindings_application_id"), "policy_bindings", ["application_id"], unique=False)
    op.create_index(op.f("ix_policy_bindings_group_id"), "policy_bindings", ["group_id"], unique=False)
    op.create_index(op.f("ix_policy_bindings_policy_id"), "policy_bindings", ["policy_id"], unique=False)
    op.create_index(op.f("ix_policy_bindings_user_id"), "policy_bindings", ["user_id"], unique=False)
    op.create_table(
        "tickets",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("provider_id", Serial, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="callback or in_place"),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column(
            "nonce_hash",
            sa.String(length=64),
            nullable=False,
            comment="of the attempt cookie that the browser must hold",
        ),
        sa.Column("return_url", sa.String(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_tickets_provider_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_tickets_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_tickets")),
    )
    op.create_index(op.f("ix_tickets_expires"), "tickets", ["expires"], unique=False)
    op.create_index(op.f("ix_tickets_provider_id"), "tickets", ["provider_id"], unique=False)
    op.create_index(op.f("ix_tickets_session_id"), "tickets", ["session_id"], unique=False)

    if op.get_bind().dialect.name == "postgresql":
        # Which transaction wrote a feed row: readers ask for what was not visible in the snapshot of their last poll.
        op.execute("ALTER TABLE feed ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()")
        op.execute("CREATE INDEX ix_feed_xid ON feed (xid)")
        op.execute("CREATE INDEX ix_feed_trimmed ON feed (key) WHERE kind = '_trimmed'")
