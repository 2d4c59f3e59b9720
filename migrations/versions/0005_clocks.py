"""Clocks: by how much a worker's own clock is off, and since when it cannot store what it has rendered, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("workers", sa.Column("clock_skew", sa.Double()))
    op.add_column("workers", sa.Column("storage_away_since", sa.Double()))
    op.add_column("workers", sa.Column("storage_trouble", sa.Text()))


def downgrade() -> None:
    for column in ("storage_trouble", "storage_away_since", "clock_skew"):
        op.drop_column("workers", column)
