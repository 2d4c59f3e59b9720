"""Roles, scopes, sign-in services and the audit log: whoever was an operator is an admin now, with the same rights; keys may be held to less.

'operator' is from here on the role that runs the fleet and does not manage people.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = depends_on = None

_ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    op.add_column("keys", sa.Column("scopes", sa.String(100)))
    op.execute("UPDATE users SET role = 'admin' WHERE role = 'operator'")
    op.add_column("users", sa.Column("oidc_issuer", sa.String(500)))
    op.add_column("users", sa.Column("oidc_subject", sa.String(255)))
    op.create_index("ix_users_oidc_subject", "users", ["oidc_subject", "oidc_issuer"], unique=True)
    op.create_table(
        "audit_log",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("user_id", _ID),
        sa.Column("key_id", _ID),
        sa.Column("via", sa.String(20), nullable=False),
        sa.Column("address", sa.String(64)),
        sa.Column("request_id", sa.String(128)),
        sa.Column("project_id", _ID),
        sa.Column("target", sa.String(200)),
        sa.Column("details", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"])


def downgrade() -> None:
    op.drop_table("audit_log")
    op.drop_index("ix_users_oidc_subject", "users")
    op.drop_column("users", "oidc_subject")
    op.drop_column("users", "oidc_issuer")
    # Nobody gains by going back: whoever may do less than an artist is shut out, a key with scopes ends.
    op.execute("UPDATE users SET role = 'artist', disabled_at = coalesce(disabled_at, 0) WHERE role = 'viewer'")
    op.execute("UPDATE users SET role = 'artist' WHERE role = 'operator'")
    op.execute("UPDATE users SET role = 'operator' WHERE role = 'admin'")
    op.execute("UPDATE keys SET revoked_at = coalesce(revoked_at, 0) WHERE scopes IS NOT NULL")
    op.drop_column("keys", "scopes")
