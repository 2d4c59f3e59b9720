"""Events of renders: which deliveries still take in what ends of a job; the clip that another was remixed from."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("webhook_deliveries", sa.Column("collecting_job_id", sa.Uuid(as_uuid=False)))
    collecting = sa.text("collecting_job_id IS NOT NULL")
    op.create_index(
        "ix_webhook_deliveries_collecting_job_id", "webhook_deliveries", ["collecting_job_id"],
        sqlite_where=collecting, postgresql_where=collecting,
    )  # fmt: skip
    op.add_column("jobs", sa.Column("remixed_from_id", sa.Uuid(as_uuid=False)))


def downgrade() -> None:
    op.drop_column("jobs", "remixed_from_id")
    op.drop_index("ix_webhook_deliveries_collecting_job_id", "webhook_deliveries")
    op.drop_column("webhook_deliveries", "collecting_job_id")
