"""Workers that cannot store what they have rendered: since when, and why. As their heartbeats say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal_column, select

from farm.sentences import Sentence, sentence
from farm.tables import Render, Worker

#: What workers report of their storage, for the catalogs of the pages.
TROUBLES = (
    sentence("cannot be reached"),
    sentence("does not answer"),
    sentence("does not answer in time"),
    sentence("refuses to store files"),
    sentence("is not used"),
)


@dataclass(frozen=True)
class Unstored:
    """The object storage takes nothing from these workers: `workers` of them, or so many `renders` that they hold."""

    since: float  # seconds since 1970
    trouble: str  # what the storage does: 'cannot be reached: …', 'refuses to store files: …'; names nobody's file
    workers: int = 0
    renders: int = 0

    @property
    def said(self) -> Sentence:
        """The trouble as a sentence, in which the system's own name for it stays."""
        what, colon, name = self.trouble.partition(": ")
        return sentence("%(trouble)s: %(name)s", trouble=sentence(what), name=name) if colon else sentence(what)


def of_workers(workers: Sequence[Any]) -> Unstored | None:
    """The trouble of these workers (rows with storage_away_since and storage_trouble); None if none has any."""
    away = [worker for worker in workers if worker.storage_away_since is not None]
    if not away:
        return None
    first = min(away, key=lambda worker: worker.storage_away_since)
    return Unstored(first.storage_away_since, first.storage_trouble or "", workers=len(away))


def of_running(connection: Connection, project_id: str, which: ColumnElement[bool]) -> Unstored | None:
    """The trouble of the workers that hold these running renders. One statement, by ix_renders_running."""
    row = connection.execute(
        select(func.count(), func.min(Worker.storage_away_since), func.min(Worker.storage_trouble))
        .select_from(Render)
        .join(Worker, Worker.id == Render.worker_id)
        .where(
            Render.status == literal_column("'running'"),
            Render.project_id == project_id,
            Worker.storage_away_since.is_not(None),
            which,
        )
    ).one()
    renders, since, trouble = row
    return None if since is None else Unstored(since, trouble or "", renders=renders)
