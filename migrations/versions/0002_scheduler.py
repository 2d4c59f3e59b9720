"""The scheduler: charges as rows, measured times, quotas and budgets, streams of renders, autoscaling.

Columns that may not be empty keep their default in the database, so that the rows of before have a value. Nothing is
rewritten: every column is added at the end, keys are only forgotten, and old workers go on with what they know.
"""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = depends_on = None

_ID = sa.Uuid(as_uuid=False)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
_HOT_ROWS = {
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 1000,
    "autovacuum_vacuum_cost_delay": 0,
}

#: In the definition of the table renders on SQLite.
_KEY_OF_RENDERS = re.compile(r",\s*CONSTRAINT fk_renders_(?:job|flow)_id FOREIGN KEY\(\w+\) REFERENCES \w+ \(id\)")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _number(name: str, kind: Any = None) -> sa.Column[Any]:
    return sa.Column(name, kind or sa.Double(), nullable=False, server_default="0")


def upgrade() -> None:
    _free_renders()
    _extend()
    _create_charges()
    _create_streams()
    _create_measures()


def _free_renders() -> None:
    """Renders name their job and flow without foreign keys, each of which cost every new render a look-up."""
    if op.get_bind().dialect.name == "postgresql":
        for column in ("job_id", "flow_id"):
            op.drop_constraint(f"fk_renders_{column}", "renders", type_="foreignkey")
        return
    # SQLite has no statement for it. Copying the table would mean minutes, and children without a parent meanwhile;
    # as the key is nothing but a line of the table's definition, that line goes, in the way that
    # https://www.sqlite.org/lang_altertable.html#otheralter describes for constraints. Rows and indexes stay.
    connection = op.get_bind()
    definition = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'renders'"))
    freed, found = _KEY_OF_RENDERS.subn("", definition)
    if found != 2:
        raise RuntimeError(f"The table renders is not as revision 0001 made it; it has {found} foreign keys, not 2.")
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :freed WHERE type = 'table' AND name = 'renders'"), {"freed": freed}
    )
    connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))  # others that have the file open read it anew
    connection.execute(sa.text("PRAGMA writable_schema = RESET"))  # and so does this connection, here


def _extend() -> None:
    _add("lanes", _number("folded_to", sa.BigInteger()))
    _add(
        "jobs",
        _number("rank", sa.Integer()),
        sa.Column("not_before", sa.Double()),
        sa.Column("deadline", sa.Double()),
        sa.Column("after_failure", sa.String(length=20)),
        _number("estimate"),
        _number("gpu_seconds"),
        _number("money"),
        _number("watt_hours"),
    )
    op.create_index("ix_jobs_deadline", "jobs", ["deadline"], **_where("deadline IS NOT NULL AND finished_at IS NULL"))
    op.create_index("ix_jobs_unfinished", "jobs", ["lane"], **_where("finished_at IS NULL"))
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"], **_where("finished_at IS NOT NULL"))

    _add("renders", sa.Column("money", sa.Double()), sa.Column("watt_hours", sa.Double()))
    op.create_index("ix_renders_running", "renders", ["project_id"], **_where("status = 'running'"))
    op.create_index("ix_renders_failed", "renders", ["project_id", "id"], **_where("status = 'failed'"))
    op.create_index(
        "ix_renders_eligible", "renders", ["eligible_at"], **_where("status = 'held' AND eligible_at IS NOT NULL")
    )

    _add("attempts", sa.Column("log_lines", sa.Text()))
    op.create_index("ix_attempts_failed", "attempts", ["ended_at"], **_where("outcome = 'failed'"))

    _add(
        "pools",
        _number("price_per_hour"),
        _number("watts"),
        sa.Column("desired", sa.Integer()),
        sa.Column("decision", sa.Text()),
        sa.Column("decided_at", sa.Double()),
        sa.Column("scaling_memory", _DOCUMENT),
    )
    _add(
        "workers",
        _number("holding", sa.Integer()),
        sa.Column("busy_until", sa.Double()),
        sa.Column("drain_asked_at", sa.Double()),
        sa.Column("quarantined_at", sa.Double()),
        sa.Column("quarantine_reason", sa.Text()),
        sa.Column("released_at", sa.Double()),
    )
    _add(
        "projects",
        sa.Column("paused_at", sa.Double()),
        sa.Column("max_pending", sa.Integer()),
        sa.Column("max_running", sa.Integer()),
        sa.Column("gpu_seconds_per_day", sa.Double()),
        sa.Column("budget", sa.Double()),
        sa.Column("retention_days", sa.Double()),
    )


def _create_charges() -> None:
    op.create_table(
        "charges",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("class_name", sa.String(length=20), nullable=False),
        sa.Column("flow_id", _ID, nullable=False),
        sa.Column("gpu_seconds", sa.Double(), nullable=False),
        sa.Column("class_start", sa.Double()),
        sa.Column("flow_start", sa.Double()),
        sa.Column("pool", sa.String(length=200)),
        _number("spent"),
        _number("renders", sa.Integer()),
        sa.Column("at", sa.Double(), nullable=False),
        postgresql_with=_HOT_ROWS,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_charges_lane_id", "charges", ["lane", "id"])
    op.create_table(
        "usage",
        sa.Column("project_id", _ID, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("pool", sa.String(length=200), nullable=False),
        sa.Column("gpu_seconds", sa.Double(), nullable=False),
        sa.Column("money", sa.Double(), nullable=False),
        sa.Column("watt_hours", sa.Double(), nullable=False),
        sa.Column("renders", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "day", "pool", name="pk_usage"),
        postgresql_with=_HOT_ROWS,
    )


def _create_streams() -> None:
    op.create_table(
        "intakes",
        sa.Column("job_id", _ID, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=1000)),
        sa.Column("source_version", sa.String(length=200)),
        sa.Column("defaults", _DOCUMENT, nullable=False),
        sa.Column("header", _DOCUMENT, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("renders", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("sealed_at", sa.Double()),
        sa.Column("error", _DOCUMENT),
    )
    op.create_index("ix_intakes_updated_at", "intakes", ["updated_at"], **_where("sealed_at IS NULL"))
    op.create_table(
        "dependencies",
        sa.Column("job_id", _ID, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("after_id", _ID, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("resolved_at", sa.Double()),
        sa.PrimaryKeyConstraint("job_id", "after_id", name="pk_dependencies"),
    )
    op.create_index("ix_dependencies_after_id", "dependencies", ["after_id"], **_where("resolved_at IS NULL"))


def _create_measures() -> None:
    op.create_table(
        "observations",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("render_id", _ID, nullable=False),
        sa.Column("pool", sa.String(length=200), nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("device", sa.String(length=100), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("forwards", sa.Integer(), nullable=False),
        sa.Column("guided", sa.Boolean(), nullable=False),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("steady", sa.Boolean(), nullable=False),
        sa.Column("encode_seconds", sa.Double(), nullable=False),
        sa.Column("pass_seconds", sa.Double(), nullable=False),
        sa.Column("decode_seconds", sa.Double(), nullable=False),
        sa.Column("gpu_seconds", sa.Double(), nullable=False),
        sa.Column("wall_seconds", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        postgresql_with=_HOT_ROWS,
        sqlite_autoincrement=True,
    )
    op.create_table(
        "batch_curves",
        sa.Column("lane", sa.String(length=200), sa.ForeignKey("lanes.name"), nullable=False),
        sa.Column("device", sa.String(length=100), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("pass_seconds", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "device", "width", "height", "frames", "batch_size", name="pk_batch_curves"),
    )
    op.create_table(
        "regressions",
        sa.Column("pool", sa.String(length=200), sa.ForeignKey("pools.name"), primary_key=True),
        sa.Column("state", _DOCUMENT, nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "scale_decisions",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("pool", sa.String(length=200), sa.ForeignKey("pools.name"), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("before", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("ix_scale_decisions_at", "scale_decisions", ["at"])
    op.create_index("ix_scale_decisions_pool_at", "scale_decisions", ["pool", "at"])
