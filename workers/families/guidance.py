"""The rows of a pass: put together from tracks, guided each with its own scale, taken apart again."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.denoising.track import Pixels, Track


def guide(unguided: Tensor, guided: Tensor, scales: Sequence[float]) -> Tensor:
    """Classifier-free guidance with a scale for each row of (rows, channels, …).

    Rounds as the pipelines do: they multiply by a Python number, which keeps float32 precision inside a
    bfloat16 product, while a float32 vector would promote the sum and a bfloat16 one would round the scale
    itself.
    """
    factors = torch.tensor(list(scales), dtype=torch.float32, device=guided.device)
    difference = (guided - unguided).float()
    return unguided + (factors.view(-1, *[1] * (guided.dim() - 1)) * difference).to(guided.dtype)


def scale_asked(track: Track) -> float:
    """The guidance scale that a render asks for."""
    return track.parameters.guidance_scale


def guide_tracks(
    tracks: Sequence[Track],
    conditional: Tensor,
    unconditional: Tensor | None,
    scale_of: Callable[[Track], float] = scale_asked,
) -> list[Tensor]:
    """Apply guidance to those tracks that have it, which come first; `scale_of` says how strong.

    conditional holds a row for each track, unconditional one for each guided track.
    """
    scales = [scale_of(track) for track in tracks if track.guided]
    predictions = conditional
    if unconditional is not None and scales:
        guided = guide(unconditional, conditional[: len(scales)], scales)
        rest = conditional[len(scales) :]
        predictions = torch.cat([guided, rest]) if len(rest) else guided
    return list(torch.split(predictions, 1))


def rows_of(parts: Iterable[Tensor | None]) -> Tensor:
    """One tensor of all rows. Raises ValueError where a track lacks what the pass needs."""
    rows = []
    for part in parts:
        if part is None:
            raise ValueError("a track lacks an embedding or mask that this pass needs")
        rows.append(part)
    return torch.cat(rows)


def to_uint8(values: NDArray[np.float32]) -> Pixels | None:
    """Floats in 0…1 to bytes, rounded as diffusers' `numpy_to_pil` does; None where any is not a number."""
    if not np.isfinite(values).all():
        return None
    return (values * 255).round().astype(np.uint8)
