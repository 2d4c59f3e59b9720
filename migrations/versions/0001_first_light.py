"""First light: every table of the farm.

Written out on purpose, and not made from `farm.tables`: a migration says what was, the tables say what is. Only the
names of keys come from the naming convention of `farm.tables.base`.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = branch_labels = depends_on = None

_ID = sa.Uuid(as_uuid=False)
_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
_HOT_ROWS = {
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 1000,
    "autovacuum_vacuum_cost_delay": 0,
}


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "lanes",
        sa.Column("name", sa.String(length=200), primary_key=True),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("precision", sa.String(length=40), nullable=False),
        sa.Column("paused_at", sa.Double()),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=200), primary_key=True),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
    )
    op.create_table(
        "projects",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("name", sa.String(length=200), nullable=False, unique=True),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "flows",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("lane", sa.String(length=200), sa.ForeignKey("lanes.name"), nullable=False),
        sa.Column("project_id", _ID, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("class_name", sa.String(length=20), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("virtual_time", sa.Double(), nullable=False),
        sa.Column("backlogged", sa.Boolean(), nullable=False),
        sa.Column("wakes", sa.Integer(), nullable=False),
        sa.Column("paused_at", sa.Double()),
        sa.UniqueConstraint("lane", "project_id", "class_name", name="uq_flows_lane_project_id_class_name"),
        postgresql_with=_HOT_ROWS,
    )
    op.create_index("ix_flows_backlogged", "flows", ["lane"], **_where("backlogged"))
    op.create_index("ix_flows_project_id", "flows", ["project_id"])

    op.create_table(
        "inputs",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("project_id", _ID, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=500), nullable=False, unique=True),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
    )
    op.create_index("ix_inputs_project_id", "inputs", ["project_id"])

    op.create_table(
        "lane_classes",
        sa.Column("lane", sa.String(length=200), sa.ForeignKey("lanes.name"), nullable=False),
        sa.Column("class_name", sa.String(length=20), nullable=False),
        sa.Column("virtual_time", sa.Double(), nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("flow_start", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "class_name", name="pk_lane_classes"),
        postgresql_with=_HOT_ROWS,
    )
    op.create_table(
        "pools",
        sa.Column("name", sa.String(length=200), primary_key=True),
        sa.Column("lane", sa.String(length=200), sa.ForeignKey("lanes.name"), nullable=False),
        sa.Column("max_batch", sa.Integer(), nullable=False),
        sa.Column("paused_at", sa.Double()),
    )
    op.create_index("ix_pools_lane", "pools", ["lane"])

    op.create_table(
        "users",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("project_id", _ID, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False, unique=True),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("password_hash", sa.String(length=300)),
        sa.Column("created_at", sa.Double(), nullable=False),
    )
    op.create_index("ix_users_project_id", "users", ["project_id"])

    op.create_table(
        "jobs",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("project_id", _ID, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("user_id", _ID, sa.ForeignKey("users.id")),
        sa.Column("flow_id", _ID, sa.ForeignKey("flows.id"), nullable=False),
        sa.Column("lane", sa.String(length=200), sa.ForeignKey("lanes.name"), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("request", _DOCUMENT, nullable=False),
        sa.Column("renders_total", sa.Integer(), nullable=False),
        sa.Column("renders_done", sa.Integer(), nullable=False),
        sa.Column("renders_failed", sa.Integer(), nullable=False),
        sa.Column("renders_cancelled", sa.Integer(), nullable=False),
        sa.Column("renders_expired", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double()),
        sa.CheckConstraint(
            "status IN ('admitting', 'open', 'paused', 'done', 'partial', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_jobs_status"),
        ),
        postgresql_with=_HOT_ROWS,
    )
    op.create_index("ix_jobs_project_id_id", "jobs", ["project_id", "id"])

    op.create_table(
        "keys",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("project_id", _ID, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("user_id", _ID, sa.ForeignKey("users.id")),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False, unique=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("used_at", sa.Double()),
        sa.Column("revoked_at", sa.Double()),
    )
    op.create_index("ix_keys_project_id", "keys", ["project_id"])

    op.create_table(
        "workers",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("pool", sa.String(length=200), sa.ForeignKey("pools.name"), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("device", sa.String(length=100), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("details", _DOCUMENT, nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("heartbeat_at", sa.Double(), nullable=False),
        sa.Column("renders_done", sa.Integer(), nullable=False),
        sa.Column("engine_restarts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.CheckConstraint(
            "status IN ('starting', 'idle', 'rendering', 'draining', 'gone')", name=op.f("ck_workers_status")
        ),
        postgresql_with=_HOT_ROWS,
    )
    op.create_index("ix_workers_pool_heartbeat_at", "workers", ["pool", "heartbeat_at"])

    op.create_table(
        "events",
        sa.Column("job_id", _ID, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("payload", _DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "version", name="pk_events"),
    )
    op.create_index("ix_events_at", "events", ["at"])

    op.create_table(
        "idempotency_keys",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("project_id", _ID, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("job_id", _ID, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.UniqueConstraint("project_id", "key", name="uq_idempotency_keys_project_id_key"),
    )
    op.create_table(
        "renders",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("job_id", _ID, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("flow_id", _ID, sa.ForeignKey("flows.id"), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("phase", sa.String(length=20)),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("batch_key", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("parameters", _DOCUMENT, nullable=False),
        sa.Column("estimate", sa.Double(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("company", sa.Integer()),
        sa.Column("worker_id", _ID),
        sa.Column("lease_until", sa.Double()),
        sa.Column("reason", sa.Text()),
        sa.Column("eligible_at", sa.Double()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double()),
        sa.Column("finished_at", sa.Double()),
        sa.Column("gpu_seconds", sa.Double()),
        sa.CheckConstraint(
            "phase IN ('claimed', 'encoding', 'stepping', 'parked', 'finishing')",
            name=op.f("ck_renders_phase"),
        ),
        sa.CheckConstraint(
            "status IN ('held', 'pending', 'running', 'drafted', 'done', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_renders_status"),
        ),
        sa.UniqueConstraint("job_id", "index", name="uq_renders_job_id_index"),
        postgresql_with=_HOT_ROWS,
    )
    op.create_index(
        "ix_renders_fill",
        "renders",
        ["flow_id", "batch_key", "company", "rank", "id"],
        **_where("status = 'pending'"),
    )
    op.create_index("ix_renders_head", "renders", ["flow_id", "rank", "id"], **_where("status = 'pending'"))
    op.create_index("ix_renders_lease", "renders", ["lease_until"], **_where("status = 'running'"))

    op.create_table(
        "artifacts",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("render_id", _ID, sa.ForeignKey("renders.id"), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=500), nullable=False, unique=True),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("frames", sa.Integer()),
        sa.Column("created_at", sa.Double(), nullable=False),
    )
    op.create_index("ix_artifacts_render_id_attempt", "artifacts", ["render_id", "attempt"])

    op.create_table(
        "attempts",
        sa.Column("render_id", _ID, sa.ForeignKey("renders.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker_id", _ID, nullable=False),
        sa.Column("pool", sa.String(length=200), nullable=False),
        sa.Column("batch_id", _ID, nullable=False),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.Column("outcome", sa.String(length=20)),
        sa.Column("reason", sa.Text()),
        sa.Column("gpu_seconds", sa.Double()),
        sa.CheckConstraint(
            "outcome IN ('done', 'failed', 'lost', 'returned', 'cancelled')", name=op.f("ck_attempts_outcome")
        ),
        sa.PrimaryKeyConstraint("render_id", "number", name="pk_attempts"),
    )


def downgrade() -> None:
    for table in (
        "attempts",
        "artifacts",
        "renders",
        "idempotency_keys",
        "events",
        "workers",
        "keys",
        "jobs",
        "users",
        "pools",
        "lane_classes",
        "inputs",
        "flows",
        "projects",
        "leases",
        "lanes",
    ):
        op.drop_table(table)
