"""FID and KID of a job, or of what a filter of the gallery found, as people see them."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from dashboard import schemas
from dashboard.reads.gallery.listing import WHOLE_GALLERY, GalleryFilter
from dashboard.times import iso
from scheduler.gallery.set_distances import list_gallery_set_distances, list_set_distances


def set_distances_of(connection: Connection, job_id: str) -> list[schemas.SetDistance]:
    """What is kept of a job, the newest first. Whose job it is has been looked at. One statement."""
    return _shown(list_set_distances(connection, job_id))


def set_distances_of_gallery(
    connection: Connection, project_id: str, chosen: GalleryFilter
) -> list[schemas.SetDistance]:
    """What is kept of exactly this filter, the newest first. One statement."""
    return _shown(list_gallery_set_distances(connection, project_id, filter_text(chosen)))


def filter_text(chosen: GalleryFilter) -> str:
    """A filter as JSON: the same text for the same filter, in whichever order and form it was given."""
    given = {name: value for name, value in vars(chosen).items() if value != getattr(WHOLE_GALLERY, name)}
    plain = {name: sorted(set(value)) if isinstance(value, tuple) else value for name, value in given.items()}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True)


def _shown(rows: Sequence[Any]) -> list[schemas.SetDistance]:
    names = set(schemas.SetDistance.model_fields) - {"computed_at"}
    return [
        schemas.SetDistance(
            **{name: value for name, value in row._mapping.items() if name in names}, computed_at=iso(row.computed_at)
        )
        for row in rows
    ]
