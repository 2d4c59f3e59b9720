"""A column is called what it counts: how many renders a worker has leased, as the log says it."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE workers RENAME COLUMN holding TO leased")


def downgrade() -> None:
    op.execute("ALTER TABLE workers RENAME COLUMN leased TO holding")
