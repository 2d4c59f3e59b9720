"""Uploaded pictures as people see them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.schemas import Adapter, AdapterFit, Input, InputPage
from dashboard.times import iso, iso_or_none
from farm.adapters.compatibility import AdapterCompatibility, fitting_models
from scheduler import uploads


def shown_input(row: Any) -> Input:
    """A row of `inputs`, with a link that works for a limited time."""
    return Input(
        id=row.id,
        name=row.name,
        content_type=row.content_type,
        size=row.size,
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        frames=row.frames,
        frame_rate=row.frame_rate,
        created_at=iso(row.created_at),
        used_at=iso_or_none(row.used_at),
        adapter=_shown_adapter(row.adapter),
        url=farm().storage.link(row.key),
    )


def _shown_adapter(stored: Mapping[str, Any] | None) -> Adapter | None:
    if stored is None:
        return None
    shares = AdapterCompatibility.model_validate(stored)
    fits = [
        AdapterFit(model=entry.name, family=entry.family, applied=share.applied, reason=share.reason)
        for entry, share in fitting_models(shares, farm().catalog.models.values())
    ]
    families = list(dict.fromkeys(fit.family for fit in fits))
    return Adapter(layers=shares.layers, rank=shares.rank, fits=fits, families=families)


def page_of_inputs(connection: Connection, project_id: str, cursor: str | None, limit: int) -> InputPage:
    """One page, newest first. Raises InvalidRequest for a cursor that is none."""
    rows = uploads.list_inputs(
        connection, project_id, after=read_older_than(NewestFirst.INPUTS, cursor), limit=limit + 1
    )
    shown = rows[:limit]
    behind = older_than(NewestFirst.INPUTS, shown[-1].id) if len(rows) > limit else None
    return InputPage(items=[shown_input(row) for row in shown], next_cursor=behind)
