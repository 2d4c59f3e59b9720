"""Presets as their person sees them."""

from typing import Any

from dashboard import schemas
from dashboard.times import iso


def shown_preset(row: Any) -> schemas.Preset:
    """A row of `scheduler.gallery.presets`."""
    return schemas.Preset(id=row.id, name=row.name, fields=row.fields, updated_at=iso(row.updated_at))
