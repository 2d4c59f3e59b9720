"""Jobs that somebody deleted: when they are removed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("delete_at", sa.Double()))
    where = sa.text("delete_at IS NOT NULL")
    op.create_index("ix_jobs_delete_at", "jobs", ["delete_at"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_jobs_delete_at", "jobs")
    op.drop_column("jobs", "delete_at")
