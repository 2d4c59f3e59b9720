"""Second renders: what verifications had made of renders that are there already.

Each is a copy, and in the way among an artist's pictures, until somebody rates it, makes it a favourite, tags it or
puts it on a board: from then on it is a picture as any other. Lists leave copies out, and they are removed sooner.
"""

from sqlalchemy import ColumnElement, exists, or_

from farm.tables import BoardRender, Job, Render, RenderMark, RenderTag
from farm.verification.second_renders import SecondRenders


def listed_renders(wanted: SecondRenders) -> list[ColumnElement[bool]]:
    """What a list of renders asks for; Render and Job are in its statement."""
    return _listed(wanted, is_marked())


def listed_jobs(wanted: SecondRenders) -> list[ColumnElement[bool]]:
    """What a list of jobs asks for; Job is in its statement. A verification has one render, or few."""
    return _listed(wanted, has_marked())


def has_marked() -> ColumnElement[bool]:
    """Somebody has marked a render of the job; Job is in the statement."""
    return exists().where(Render.job_id == Job.id, is_marked()).correlate(Job)


def is_marked() -> ColumnElement[bool]:
    """Somebody has rated, tagged or collected the render; Render is in the statement. Reads primary keys."""
    rated = or_(RenderMark.rating.is_not(None), RenderMark.favourite.is_(True))
    return or_(
        exists().where(RenderMark.render_id == Render.id, rated).correlate(Render),
        exists().where(RenderTag.render_id == Render.id).correlate(Render),
        exists().where(BoardRender.render_id == Render.id).correlate(Render),
    )


def _listed(wanted: SecondRenders, marked: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    if wanted is SecondRenders.WITH:
        return []
    if wanted is SecondRenders.ONLY:
        return [Job.verifies_id.is_not(None)]
    return [or_(Job.verifies_id.is_(None), marked)]
