"""What scorers say of finished outputs, asked for after they were rendered."""

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from farm.lifecycle import ScoreStatus
from farm.tables.base import Base, Double, Id, Name, Seconds, one_of

_PENDING = text("status = 'pending'")


class Score(Base):
    """One scorer's figure for the output of one render: asked for, then computed by `farm scorer`, or not.

    Only renders that are done have one, and those never change; so there is one row for each render and scorer.
    """

    __tablename__ = "scores"
    __table_args__ = (
        one_of("status", ScoreStatus),
        # The claim's path, project by project, and the page's: the figures of a scorer in a project.
        Index("ix_scores_pending", "project_id", "asked_at", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index("ix_scores_project_id_scorer", "project_id", "scorer", "value"),
    )
    render_id: Mapped[Id] = mapped_column(ForeignKey("renders.id", ondelete="CASCADE"), primary_key=True)
    scorer: Mapped[str] = mapped_column(String(100), primary_key=True)
    project_id: Mapped[Id]  # of its render
    status: Mapped[str] = mapped_column(String(20))
    value: Mapped[Double | None]  # larger is better
    made_by: Mapped[str | None] = mapped_column(String(200))  # the package and its version, and the hash of weights
    reason: Mapped[str | None] = mapped_column(Text)  # why there is no figure
    tries: Mapped[int] = mapped_column(default=0)  # the fence: only the newest may write
    lease_until: Mapped[Seconds | None]
    asked_at: Mapped[Seconds]
    scored_at: Mapped[Seconds | None]


class _Distance:
    """How far pictures are from a reference set, as `farm fid --keep` computed it on somebody's machine.

    One row for the pictures, a reference and the features that were looked at; the newest counts.
    """

    id: Mapped[Id] = mapped_column(primary_key=True)
    reference: Mapped[Name]  # what people call it: a folder, another job
    features_sha256: Mapped[str] = mapped_column(String(64))
    fid: Mapped[Double]  # smaller is nearer
    kid: Mapped[Double]
    kid_std: Mapped[Double]  # over its subsets
    pictures: Mapped[int]  # that were compared
    reference_pictures: Mapped[int]
    features: Mapped[int]  # numbers of a picture
    computed_at: Mapped[Seconds]


class SetDistance(_Distance, Base):
    """Of the pictures of a job."""

    __tablename__ = "set_distances"
    __table_args__ = (Index("ix_set_distances_job_id", "job_id", "reference", "features_sha256", unique=True),)
    job_id: Mapped[Id] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))


class GallerySetDistance(_Distance, Base):
    """Of the pictures that a filter of the gallery found then."""

    __tablename__ = "gallery_set_distances"
    __table_args__ = (Index("ix_gallery_set_distances_project_id", "project_id", "computed_at"),)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    chosen: Mapped[str] = mapped_column(Text)  # the filter, the same text however it was given
