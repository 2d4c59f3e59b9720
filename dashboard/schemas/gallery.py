"""Finished renders over all jobs, what people said of them, boards."""

from pydantic import Field

from dashboard.schemas.base import Answer
from dashboard.schemas.renders import Render


class Marks(Answer):
    """What the people of a project said of a render."""

    rating: int | None = Field(description="1 to 5; null: not rated")
    favourite: bool
    tags: list[str] = Field(description="In lower case, in their order")
    boards: list[str] = Field(description="Ids of the boards that it is on")
    delete_at: str | None = Field(description="It was deleted: its files are removed then; it can be restored until")


class GalleryRender(Render):
    """A finished render, with what its job says and what people said."""

    model: str
    user: str | None = Field(description="Who submitted it")
    marks: Marks


class GalleryRenders(Answer):
    """One page of finished renders, newest first."""

    items: list[GalleryRender]
    next_cursor: str | None


class Marked(Answer):
    """How many renders were marked."""

    renders: int


class UsedTag(Answer):
    """A tag, and how many renders have it."""

    tag: str
    renders: int


class TagList(Answer):
    """Tags of the project, those that most renders have first."""

    items: list[UsedTag]


class Board(Answer):
    """A named collection of renders."""

    id: str
    name: str
    renders: int = Field(description="How many are on it")
    created_at: str


class BoardList(Answer):
    """The boards of the project, by name."""

    items: list[Board]
