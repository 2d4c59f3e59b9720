"""Pictures that people uploaded for renders to start from."""

from pydantic import Field

from dashboard.schemas.base import Answer


class Input(Answer):
    """An uploaded picture, as it is stored: upright, RGB, without metadata."""

    id: str = Field(description="What a job names as its `image` or `control_image`")
    name: str
    content_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    created_at: str
    used_at: str | None = Field(description="When a job was submitted with it last")
    url: str = Field(description="A signed link that works for a limited time")


class InputPage(Answer):
    """One page of uploaded pictures, newest first."""

    items: list[Input]
    next_cursor: str | None
