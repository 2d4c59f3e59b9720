"""Duty: drafts that nobody chose within `retain_draft_days` expire, and their checkpoints go. What they show stays."""

from collections import defaultdict

from sqlalchemy import literal_column, select

from farm.connections import Connections
from farm.database import read
from farm.lifecycle import RenderStatus
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Render
from scheduler.control.end_renders import Ending, end_renders

EVERY_SECONDS = 60.0
#: Expired in one pass.
CHUNK = 500
DAY = 86_400.0
_EXPIRED = Ending(RenderStatus.EXPIRED, "Nobody chose its draft in time.")
#: A literal: bound, it would hide ix_renders_drafted from a cached plan.
IS_DRAFTED = Render.status == literal_column(f"'{RenderStatus.DRAFTED.value}'")


def one_pass(connections: Connections, now: float) -> int:
    """Expire some of them; returns how many. Reads ix_renders_drafted."""
    before = now - connections.settings.retain_draft_days * DAY
    drafted_by = (Artifact.render_id == Render.id) & (Artifact.attempt == Render.attempt)
    old = (
        select(Render.id, Render.job_id)
        .join(Artifact, drafted_by)
        .where(IS_DRAFTED, Artifact.kind == ArtifactKind.DRAFT.value, Artifact.created_at < before)
        .limit(CHUNK)
    )
    by_job: defaultdict[str, list[str]] = defaultdict(list)
    with read(connections.engine) as connection:
        for render_id, job_id in connection.execute(old):
            by_job[job_id].append(render_id)
    return sum(
        end_renders(connections, job_id, _EXPIRED, Render.id.in_(ids), IS_DRAFTED)
        for job_id, ids in sorted(by_job.items())
    )
