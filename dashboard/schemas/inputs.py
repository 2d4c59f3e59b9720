"""Files that people uploaded for their renders."""

from pydantic import Field

from dashboard.schemas.base import Answer


class Input(Answer):
    """An uploaded file as it is stored: a picture (upright, RGB, without metadata), or an adapter (without a size)."""

    id: str = Field(description="What a job names as its `image` or `control_image`, or in its `loras`")
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
    """One page of uploaded files, newest first."""

    items: list[Input]
    next_cursor: str | None
