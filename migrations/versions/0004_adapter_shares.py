"""Uploaded adapters know what the farm's models take of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = depends_on = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("inputs", sa.Column("adapter", _DOCUMENT))


def downgrade() -> None:
    op.drop_column("inputs", "adapter")
