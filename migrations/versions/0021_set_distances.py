"""FID and KID of the pictures of a job against a reference set, as somebody computed and kept them."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table(
        "set_distances",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("job_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("reference", sa.String(200), nullable=False),
        sa.Column("features_sha256", sa.String(64), nullable=False),
        sa.Column("fid", sa.Double(), nullable=False),
        sa.Column("kid", sa.Double(), nullable=False),
        sa.Column("kid_std", sa.Double(), nullable=False),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.Column("reference_pictures", sa.Integer(), nullable=False),
        sa.Column("features", sa.Integer(), nullable=False),
        sa.Column("computed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE", name=op.f("fk_set_distances_job_id_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_set_distances")),
    )
    op.create_index("ix_set_distances_job_id", "set_distances", ["job_id", "reference", "features_sha256"], unique=True)


def downgrade() -> None:
    op.drop_table("set_distances")
