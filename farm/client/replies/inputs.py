"""Pictures that renders start from."""

from __future__ import annotations

from datetime import datetime

from farm.client.replies.base import Reply


class AdapterFit(Reply):
    """What one model takes of an adapter: so many of its layers; `reason`: why not all, empty where all are."""

    model: str
    family: str = ""
    applied: int = 0
    reason: str = ""


class Adapter(Reply):
    """What an adapter's header says, and the models that take any of it, those that take the most first."""

    layers: int = 0
    rank: int = 0
    fits: tuple[AdapterFit, ...] = ()
    families: tuple[str, ...] = ()


class Input(Reply):
    """An uploaded picture or clip, as the farm stores it (upright, RGB, without metadata), or an adapter."""

    id: str
    name: str = ""
    content_type: str = ""
    size: int = 0
    sha256: str = ""
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    frame_rate: float | None = None
    created_at: datetime | None = None
    used_at: datetime | None = None
    adapter: Adapter | None = None
    url: str = ""
