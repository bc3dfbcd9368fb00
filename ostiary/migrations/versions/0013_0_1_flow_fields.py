"""What a flow, a stage's place and a login may say of themselves; stages refer to each other by id."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013_0_1_flow_fields"
down_revision = "0012_0_1_blueprints"


def upgrade() -> None:
    for column in (
        sa.Column(
            "denied_action",
            sa.String(length=32),
            nullable=False,
            server_default="message_continue",
            comment="where whoever may not goes",
        ),
        sa.Column("policy_engine_mode", sa.String(length=8), nullable=False, server_default="any"),
        sa.Column(
            "compatibility_mode",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="kept for API clients; our pages are always as it asks",
        ),
        sa.Column(
            "background",
            sa.String(),
            nullable=False,
            server_default=sa.text("''"),
            comment="kept for API clients; only what asks for no picture",
        ),
    ):
        op.add_column("flows", column)
    # SQLite alters a constraint by making the table anew.
    with op.batch_alter_table("flow_stage_bindings") as table:
        for column in (
            sa.Column(
                "evaluate_on_plan",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="whether its policies are asked when a run begins",
            ),
            sa.Column(
                "re_evaluate_policies",
                sa.Boolean(),
                nullable=False,
                server_default=sa.true(),
                comment="whether its policies are asked when its turn comes",
            ),
            sa.Column("policy_engine_mode", sa.String(length=8), nullable=False, server_default="any"),
            sa.Column(
                "invalid_response_action",
                sa.String(length=24),
                nullable=False,
                server_default="retry",
                comment="retry, restart or restart_with_context",
            ),
        ):
            table.add_column(column)
        # Two stages may change places one after the other.
        table.drop_constraint(op.f("uq_flow_stage_bindings_flow_id_order"), type_="unique")
        table.create_unique_constraint(
            op.f("uq_flow_stage_bindings_flow_id_stage_id_order"), ["flow_id", "stage_id", "order"]
        )
    op.add_column(
        "sessions",
        sa.Column(
            "ends_when_idle",
            sa.Boolean(),
            nullable=False,
            server_default=sa.true(),
            comment="false where the sign-in itself said how long it lasts",
        ),
    )
    _refer_by_id()


def _refer_by_id() -> None:
    """An identification stage named its password stage; a stage that is renamed must not lose it."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, name, type, config FROM stages")).all()
    ids = {name: stage_id for stage_id, name, kind, _ in rows if kind == "password"}
    for stage_id, _, kind, stored in rows:
        config: dict[str, Any] = json.loads(stored) if isinstance(stored, str) else stored
        named = config.get("password_stage")
        if kind == "identification" and named in ids:
            config["password_stage"] = ids[named]
            as_json = "CAST(:config AS JSONB)" if connection.dialect.name == "postgresql" else ":config"
            connection.execute(
                sa.text(f"UPDATE stages SET config = {as_json} WHERE id = :id"),
                {"config": json.dumps(config), "id": stage_id},
            )
