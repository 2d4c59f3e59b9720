"""Share links: addresses that show a picture, a job's outputs or a board without a sign-in, until they end."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = depends_on = None

_ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    op.create_table(
        "share_links",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("user_id", _ID),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("target", _ID, nullable=False),
        sa.Column("parameters", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double()),
        sa.CheckConstraint("kind IN ('render', 'job', 'board')", name=op.f("ck_share_links_kind")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_share_links_project_id_projects")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], ondelete="SET NULL", name=op.f("fk_share_links_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_links")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_share_links_secret_sha256")),
    )
    op.create_index(op.f("ix_share_links_project_id_id"), "share_links", ["project_id", "id"])


def downgrade() -> None:
    op.drop_table("share_links")
