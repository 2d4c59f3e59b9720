"""Uploaded clips: how many frames they have, and how many a second."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("inputs", sa.Column("frames", sa.Integer()))
    op.add_column("inputs", sa.Column("frame_rate", sa.Double()))


def downgrade() -> None:
    op.drop_column("inputs", "frame_rate")
    op.drop_column("inputs", "frames")
