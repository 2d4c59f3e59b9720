"""Rendering: checkpoints, attempts that end at a draft, inputs that know their size and when they were used last."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = depends_on = None

_OUTCOMES = "outcome IN ('done', 'failed', 'lost', 'returned', 'cancelled')"
_OUTCOMES_WITH_DRAFTED = "outcome IN ('done', 'failed', 'lost', 'returned', 'cancelled', 'drafted')"


def upgrade() -> None:
    _allow(_OUTCOMES, _OUTCOMES_WITH_DRAFTED)
    for column in ("width", "height"):
        op.add_column("inputs", sa.Column(column, sa.Integer()))
    op.add_column("inputs", sa.Column("used_at", sa.Double()))
    drafted = sa.text("status = 'drafted'")
    op.create_index("ix_renders_drafted", "renders", ["job_id"], sqlite_where=drafted, postgresql_where=drafted)
    op.add_column("artifacts", sa.Column("score", sa.Double()))
    op.add_column("artifacts", sa.Column("kept", sa.Boolean()))
    unchosen = sa.text("score IS NOT NULL AND kept IS NULL")
    op.create_index(
        "ix_artifacts_unchosen", "artifacts", ["render_id"], sqlite_where=unchosen, postgresql_where=unchosen
    )
    op.create_index(
        "ix_artifacts_checkpoint",
        "artifacts",
        ["render_id"],
        sqlite_where=sa.text("kind = 'checkpoint'"),
        postgresql_where=sa.text("kind = 'checkpoint'"),
    )
    op.create_table(
        "memory_limits",
        sa.Column("pool", sa.String(200), nullable=False),
        sa.Column("device", sa.String(100), nullable=False),
        *(sa.Column(side, sa.Integer(), nullable=False) for side in ("width", "height", "frames")),
        sa.Column("held", sa.String(64), nullable=False),
        sa.Column("renders", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["pool"], ["pools.name"], name=op.f("fk_memory_limits_pool_pools")),
        sa.PrimaryKeyConstraint("pool", "device", "width", "height", "frames", name=op.f("pk_memory_limits")),
    )


def _allow(before: str, after: str) -> None:
    """Let attempts end in one more way."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_attempts_outcome"), "attempts", type_="check")
        # Every row has passed the narrower check: PostgreSQL need not look at them while it locks the table.
        op.execute(f"ALTER TABLE attempts ADD CONSTRAINT ck_attempts_outcome CHECK ({after}) NOT VALID")
        op.execute("ALTER TABLE attempts VALIDATE CONSTRAINT ck_attempts_outcome")
        return
    # SQLite has no statement for it: the line of the table's definition is changed, as revision 0002 does and
    # https://www.sqlite.org/lang_altertable.html#otheralter describes. Rows and indexes stay.
    connection = op.get_bind()
    definition = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'attempts'"))
    if definition.count(before) != 1:
        raise RuntimeError("The table attempts is not as revision 0002 left it; restore it from a backup.")
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :wider WHERE type = 'table' AND name = 'attempts'"),
        {"wider": definition.replace(before, after)},
    )
    connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))  # others that have the file open read it anew
    connection.execute(sa.text("PRAGMA writable_schema = RESET"))  # and so does this connection, here
