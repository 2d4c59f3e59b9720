"""Two columns are called what they are: the batch limit of a render, and the epoch of a flow."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = depends_on = None

#: Names only: rows and indexes stay as they are, so this takes a moment however many renders wait.
_RENAMED = (("renders", "company", "batch_limit"), ("flows", "wakes", "epoch"))


def upgrade() -> None:
    for table, old, new in _RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


def downgrade() -> None:
    for table, old, new in _RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}")
