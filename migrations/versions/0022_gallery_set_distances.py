"""FID and KID of what a filter of the gallery found, beside those of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table(
        "gallery_set_distances",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("project_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("reference", sa.String(200), nullable=False),
        sa.Column("features_sha256", sa.String(64), nullable=False),
        sa.Column("fid", sa.Double(), nullable=False),
        sa.Column("kid", sa.Double(), nullable=False),
        sa.Column("kid_std", sa.Double(), nullable=False),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.Column("reference_pictures", sa.Integer(), nullable=False),
        sa.Column("features", sa.Integer(), nullable=False),
        sa.Column("computed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_gallery_set_distances_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gallery_set_distances")),
    )
    op.create_index("ix_gallery_set_distances_project_id", "gallery_set_distances", ["project_id", "computed_at"])


def downgrade() -> None:
    op.drop_table("gallery_set_distances")
