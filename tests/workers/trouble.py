"""Parts of a family that raise when a test wants them to, and what the engine then said."""

from collections.abc import Callable, Sequence
from typing import Any

from workers.denoising.track import Track
from workers.families.base import Family
from workers.protocol import FromEngine, Rendered, RenderFailed


def trouble(family: Family, part: str, raised: Callable[[Sequence[Track]], Exception | None]) -> None:
    """Make one part of the family raise where `raised` gives an error for the tracks it is called with."""
    real = getattr(family, part)

    def troubled(tracks: Sequence[Track]) -> Any:
        if error := raised(tracks):
            raise error
        return real(tracks)

    setattr(family, part, troubled)


def failures(said: Sequence[FromEngine]) -> dict[str, RenderFailed]:
    return {message.render_id: message for message in said if isinstance(message, RenderFailed)}


def batch_sizes(said: Sequence[FromEngine]) -> dict[str, list[int]]:
    return {
        message.render_id: [step.batch_size for step in message.trace]
        for message in said
        if isinstance(message, Rendered)
    }
