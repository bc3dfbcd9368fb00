"""Policies of several types, bindings of flows and of their stages, and reputation."""

import sqlalchemy as sa
from alembic import op

from ostiary.storage.base import Instant, Json

revision = "0015_0_1_policies"
down_revision = "0014_0_1_managed_applications"

_TARGETS = (("flow_id", "flows"), ("stage_binding_id", "flow_stage_bindings"))
_TARGET = (
    "(CASE WHEN application_id IS NULL THEN 0 ELSE 1 END + CASE WHEN flow_id IS NULL THEN 0 ELSE 1 END"
    " + CASE WHEN stage_binding_id IS NULL THEN 0 ELSE 1 END)"
)


def upgrade() -> None:
    with op.batch_alter_table("policies") as table:
        table.add_column(sa.Column("config", Json, server_default=sa.text("'{}'"), nullable=False))
        table.add_column(sa.Column("created", Instant(), server_default=sa.text("0"), nullable=False))
        table.add_column(sa.Column("updated", Instant(), server_default=sa.text("0"), nullable=False))
    with op.batch_alter_table("policy_bindings") as table:
        table.alter_column("application_id", existing_type=sa.String(), nullable=True)
        for column, other in _TARGETS:
            table.add_column(sa.Column(column, sa.String(length=36), nullable=True))
            table.create_foreign_key(op.f(f"fk_policy_bindings_{column}"), other, [column], ["id"], ondelete="CASCADE")
        table.add_column(
            sa.Column(
                "timeout",
                sa.Integer(),
                server_default=sa.text("30"),
                nullable=False,
                comment="kept for API clients; no evaluation takes a second",
            )
        )
        table.create_check_constraint(op.f("ck_policy_bindings_one_target"), f"{_TARGET} = 1")
    for column, _ in _TARGETS:
        op.create_index(op.f(f"ix_policy_bindings_{column}"), "policy_bindings", [column], unique=False)
    op.create_table(
        "reputation_scores",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column(
            "subject",
            sa.String(length=64),
            nullable=False,
            comment="user:<id>, or a keyed hash of a name that nobody has, so that both are counted alike",
        ),
        sa.Column(
            "identifier", sa.String(), nullable=False, comment="the username, to be read; empty if nobody has it"
        ),
        sa.Column("ip", sa.String(length=64), nullable=False, comment="an address, or a /64 network; empty if unknown"),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("updated", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reputation_scores")),
        sa.UniqueConstraint("subject", "ip", name=op.f("uq_reputation_scores_subject_ip")),
    )
    op.create_index(op.f("ix_reputation_scores_ip"), "reputation_scores", ["ip"], unique=False)
    op.create_index(op.f("ix_reputation_scores_expires"), "reputation_scores", ["expires"], unique=False)
