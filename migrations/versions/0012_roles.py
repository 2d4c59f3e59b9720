"""Roles and scopes: whoever was an operator is an admin now, with the same rights; keys may be held to less.

'operator' is from here on the role that runs the fleet and does not manage people.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("keys", sa.Column("scopes", sa.String(100)))
    op.execute("UPDATE users SET role = 'admin' WHERE role = 'operator'")


def downgrade() -> None:
    # Nobody gains by going back: whoever may do less than an artist is shut out, a key with scopes ends.
    op.execute("UPDATE users SET role = 'artist', disabled_at = coalesce(disabled_at, 0) WHERE role = 'viewer'")
    op.execute("UPDATE users SET role = 'artist' WHERE role = 'operator'")
    op.execute("UPDATE users SET role = 'operator' WHERE role = 'admin'")
    op.execute("UPDATE keys SET revoked_at = coalesce(revoked_at, 0) WHERE scopes IS NOT NULL")
    op.drop_column("keys", "scopes")
