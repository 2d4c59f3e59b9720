"""What the farm answers about FID and KID."""

from __future__ import annotations

from datetime import datetime

from farm.client.replies.base import Reply


class SetDistance(Reply):
    """How far pictures are from a reference set, as it was kept; smaller is nearer."""

    reference: str
    fid: float
    kid: float
    kid_std: float = 0.0
    pictures: int = 0
    reference_pictures: int = 0
    features: int = 0
    features_sha256: str = ""
    computed_at: datetime | None = None
