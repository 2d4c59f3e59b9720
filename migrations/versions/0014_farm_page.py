"""The farm page: samples of lanes and workers, which workers ended well, an operator's limits of scaled pools."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = depends_on = None

_ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    op.add_column("pools", sa.Column("scale_minimum", sa.Integer()))
    op.add_column("pools", sa.Column("scale_maximum", sa.Integer()))
    op.add_column("workers", sa.Column("signed_off_at", sa.Double()))
    op.create_table(
        "worker_samples",
        sa.Column("worker_id", _ID, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("leased", sa.Integer(), nullable=False),
        sa.Column("renders_done", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id", "at", name=op.f("pk_worker_samples")),
    )
    op.create_index(op.f("ix_worker_samples_at"), "worker_samples", ["at"])
    op.create_table(
        "lane_samples",
        sa.Column("lane", sa.String(200), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("gpu_seconds", sa.Double(), nullable=False),
        sa.Column("oldest_wait_seconds", sa.Double(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "at", name=op.f("pk_lane_samples")),
    )
    op.create_index(op.f("ix_lane_samples_at"), "lane_samples", ["at"])


def downgrade() -> None:
    op.drop_table("lane_samples")
    op.drop_table("worker_samples")
    op.drop_column("workers", "signed_off_at")
    op.drop_column("pools", "scale_maximum")
    op.drop_column("pools", "scale_minimum")
