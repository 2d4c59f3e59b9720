"""Files that people uploaded for their renders."""

from pydantic import Field

from dashboard.schemas.base import Answer


class AdapterFit(Answer):
    """What one model takes of an adapter."""

    model: str
    family: str
    applied: int = Field(description="So many of the adapter's layers")
    reason: str = Field(description="Why not all: the first tensor that is left out; empty where all are taken")


class Adapter(Answer):
    """What an adapter's header says."""

    layers: int = Field(description="Layers of a model that it changes")
    rank: int = Field(description="The largest of its layers")
    fits: list[AdapterFit] = Field(description="The farm's models that take any of it, those that take the most first")
    families: list[str] = Field(description="Of these models")


class Input(Answer):
    """An uploaded file as it is stored: a picture (upright, RGB, without metadata), a clip (likewise), or an adapter
    (without a size).
    """

    id: str = Field(
        description="What a job names as its `image`, `video` or the like, or in its `reference_images` or `loras`"
    )
    name: str
    content_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    frames: int | None = Field(description="Of a clip")
    frame_rate: float | None = Field(description="Of a clip: frames a second")
    created_at: str
    used_at: str | None = Field(description="When a job was submitted with it last")
    adapter: Adapter | None = Field(description="Of an adapter; null where it was stored before the farm looked at it")
    url: str = Field(description="A signed link that works for a limited time")


class InputPage(Answer):
    """One page of uploaded files, newest first."""

    items: list[Input]
    next_cursor: str | None
