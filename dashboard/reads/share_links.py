"""Share links as their project sees them."""

from typing import Any

from dashboard import schemas
from dashboard.times import iso, iso_or_none
from farm.tables.share_links import SharedKind


def shown_share_link(row: Any, now: float) -> schemas.ShareLink:
    """A row of `scheduler.gallery.share_links`."""
    ended = "revoked" if row.revoked_at is not None else "expired" if row.expires_at <= now else "valid"
    return schemas.ShareLink(
        id=row.id,
        kind=SharedKind(row.kind),
        target=row.target,
        parameters=row.parameters,
        user=row.user,
        state=ended,
        created_at=iso(row.created_at),
        expires_at=iso(row.expires_at),
        revoked_at=iso_or_none(row.revoked_at),
    )
