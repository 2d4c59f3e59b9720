"""Jobs that are being ended in the background, and how."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("ending", sa.String(20)))
    op.add_column("jobs", sa.Column("ending_reason", sa.Text()))
    ending = sa.text("ending IS NOT NULL")
    op.create_index("ix_jobs_ending", "jobs", ["id"], sqlite_where=ending, postgresql_where=ending)


def downgrade() -> None:
    op.drop_index("ix_jobs_ending", "jobs")
    op.drop_column("jobs", "ending_reason")
    op.drop_column("jobs", "ending")
