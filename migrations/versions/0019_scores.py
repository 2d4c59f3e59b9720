"""Scores of finished outputs: asked for at any time, computed by `farm scorer`."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = depends_on = None

_ID = sa.Uuid(as_uuid=False)
_PENDING = sa.text("status = 'pending'")


def upgrade() -> None:
    op.create_table(
        "scores",
        sa.Column("render_id", _ID, nullable=False),
        sa.Column("scorer", sa.String(100), nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("made_by", sa.String(200)),
        sa.Column("reason", sa.Text()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Double()),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.Column("scored_at", sa.Double()),
        sa.CheckConstraint("status IN ('pending', 'done', 'failed')", name=op.f("ck_scores_status")),
        sa.ForeignKeyConstraint(
            ["render_id"], ["renders.id"], ondelete="CASCADE", name=op.f("fk_scores_render_id_renders")
        ),
        sa.PrimaryKeyConstraint("render_id", "scorer", name=op.f("pk_scores")),
    )
    op.create_index(
        "ix_scores_pending", "scores", ["project_id", "asked_at"], sqlite_where=_PENDING, postgresql_where=_PENDING
    )
    op.create_index("ix_scores_project_id_scorer", "scores", ["project_id", "scorer", "value"])


def downgrade() -> None:
    op.drop_table("scores")
