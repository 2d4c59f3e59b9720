"""Finished renders over all jobs, what people said of them, boards."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from farm.client.replies.base import Reply
from farm.client.replies.renders import Render


class Marks(Reply):
    """What the people of a project said of a render."""

    rating: int | None = None
    favourite: bool = False
    tags: list[str] = Field(default_factory=list)
    boards: list[str] = Field(default_factory=list)
    delete_at: datetime | None = None


class GalleryRender(Render):
    """A finished render, with what its job says and what people said."""

    model: str
    user: str | None = None
    marks: Marks = Marks()


class UsedTag(Reply):
    """A tag, and how many renders have it."""

    tag: str
    renders: int = 0


class Board(Reply):
    """A named collection of renders."""

    id: str
    name: str
    renders: int = 0
    created_at: datetime | None = None
