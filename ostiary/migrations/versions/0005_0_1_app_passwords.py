"""App passwords belong to their application, not to whichever has its slug."""

import sqlalchemy as sa
from alembic import op

revision = "0005_0_1_app_passwords"
down_revision = "0004_0_1_signing_keys"


def upgrade() -> None:
    with op.batch_alter_table("tokens") as tokens:
        tokens.add_column(
            sa.Column(
                "application_id",
                sa.String(length=36),
                nullable=True,
                comment="the one application that an app password opens",
            )
        )
        tokens.create_foreign_key(
            op.f("fk_tokens_application_id"), "applications", ["application_id"], ["id"], ondelete="CASCADE"
        )
        tokens.create_index(op.f("ix_tokens_application_id"), ["application_id"], unique=False)
        tokens.alter_column(
            "application",
            comment="the slug that an app password was made for, to be read",
            existing_comment="an app password opens only the application of this slug",
            existing_type=sa.String(),
            existing_nullable=True,
        )
    op.execute(
        "UPDATE tokens SET application_id = (SELECT a.id FROM applications a WHERE a.slug = tokens.application)"
        " WHERE intent = 'app_password'"
    )
    # What is left belonged to an application that is gone.
    op.execute("DELETE FROM tokens WHERE intent = 'app_password' AND application_id IS NULL")
