"""Pictures that renders start from."""

from __future__ import annotations

from datetime import datetime

from farm.client.replies.base import Reply


class Input(Reply):
    """An uploaded picture, as the farm stores it: upright, RGB, without metadata."""

    id: str
    name: str = ""
    content_type: str = ""
    size: int = 0
    sha256: str = ""
    width: int | None = None
    height: int | None = None
    created_at: datetime | None = None
    used_at: datetime | None = None
    url: str = ""
