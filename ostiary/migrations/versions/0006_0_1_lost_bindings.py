"""A binding whose user, group or policy is deleted stays, and never passes."""

from alembic import op

revision = "0006_0_1_lost_bindings"
down_revision = "0005_0_1_app_passwords"

_SUBJECTS = (("user_id", "users"), ("group_id", "groups"), ("policy_id", "policies"))
_NAMED = (
    "(CASE WHEN user_id IS NULL THEN 0 ELSE 1 END + CASE WHEN group_id IS NULL THEN 0 ELSE 1 END"
    " + CASE WHEN policy_id IS NULL THEN 0 ELSE 1 END)"
)


def upgrade() -> None:
    with op.batch_alter_table("policy_bindings") as table:
        table.drop_constraint(op.f("ck_policy_bindings_one_subject"), type_="check")
        table.create_check_constraint(op.f("ck_policy_bindings_one_subject"), f"{_NAMED} <= 1")
        for column, other in _SUBJECTS:
            name = op.f(f"fk_policy_bindings_{column}")
            table.drop_constraint(name, type_="foreignkey")
            table.create_foreign_key(name, other, [column], ["id"], ondelete="SET NULL")
