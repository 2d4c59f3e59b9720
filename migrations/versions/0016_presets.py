"""Presets of the Submit form; the secret that a webhook had before, which signs beside the new one for a while."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = depends_on = None

_ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("old_secret", sa.String(100)))
    op.add_column("webhooks", sa.Column("old_secret_until", sa.Double()))
    op.create_table(
        "presets",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("user_id", _ID),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("fields", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_presets_project_id_projects")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE", name=op.f("fk_presets_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presets")),
    )
    op.create_index(
        op.f("ix_presets_project_id_user_id_name"), "presets", ["project_id", "user_id", "name"], unique=True
    )


def downgrade() -> None:
    op.drop_table("presets")
    op.drop_column("webhooks", "old_secret_until")
    op.drop_column("webhooks", "old_secret")
