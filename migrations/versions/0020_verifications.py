"""Verifications: the render that a job renders again, to see whether it comes out as it was."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("verifies_id", sa.Uuid(as_uuid=False)))
    verifies = sa.text("verifies_id IS NOT NULL")
    op.create_index(
        "ix_jobs_verifies_id", "jobs", ["verifies_id"], sqlite_where=verifies, postgresql_where=verifies
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_jobs_verifies_id", "jobs")
    op.drop_column("jobs", "verifies_id")
