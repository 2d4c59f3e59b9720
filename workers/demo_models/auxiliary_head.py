"""A second, cruder answer asked of the middle of a transformer while it trains: where is the shape, and which one?

The picture alone teaches slowly: until place, colour and shape are all understood, none of them makes the loss much
smaller. A head that reads them off the hidden tokens rewards each for itself. It is thrown away after the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from farm.demo.scenes import Scene, clip_centres, draw_shape
from farm.demo.vocabulary import CENTRES, CLIP_RADIUS, COLOURS, RADII, SHAPES
from workers.demo_models.components import WIDTH

TOKEN = 16
"""Side of the square of pixels that one token stands for, in all three models."""


@dataclass(frozen=True, slots=True)
class Sketches:
    """How much of each token the shape covers (scenes, tokens), 0 to 1, and the numbers of its colour and its form:
    (scenes,), or with several shapes (scenes, tokens), of the one that is there."""

    cover: Tensor
    colour: Tensor
    shape: Tensor

    def chosen(self, indices: list[int]) -> Sketches:
        """The sketches of some of the scenes."""
        return Sketches(self.cover[indices], self.colour[indices], self.shape[indices])


def sketches(scenes: Sequence[Scene], width: int, height: int, frames: int = 1) -> Sketches:
    """The sketches of pictures, or of clips whose first frame is a token and then every four are."""
    cover = torch.stack([torch.from_numpy(_cover(scene, width, height, frames)) for scene in scenes])
    colour = torch.tensor([list(COLOURS).index(str(scene.colour)) for scene in scenes])
    shape = torch.tensor([list(SHAPES).index(str(scene.shape)) for scene in scenes])
    return Sketches(cover, colour, shape)


def _cover(scene: Scene, width: int, height: int, frames: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    if scene.motion is None:
        across, down = CENTRES[str(scene.place)]
        centres, radius = [(across * width, down * height)], RADII[str(scene.size)]
    else:
        centres, radius = list(clip_centres(scene.motion, frames, width, height)), CLIP_RADIUS
    masks = np.stack(
        [
            np.asarray(
                draw_shape(
                    str(scene.shape),
                    centre,
                    radius * min(width, height),
                    (255, 255, 255),
                    (0, 0, 0),
                    (width, height),
                ).reduce(TOKEN),
                dtype=np.float32,
            )[..., 0]
            / 255
            for centre in centres
        ]
    )
    later = masks[1:].reshape(-1, 4, *masks.shape[1:]).mean(1)
    return np.concatenate([masks[:1], later]).reshape(-1).astype(np.float32)


class Sketcher(nn.Module):
    """Reads a sketch off hidden tokens of shape (batch, tokens, width)."""

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Linear(WIDTH, 1 + len(COLOURS) + len(SHAPES))

    def loss(self, hidden: Tensor, truth: Sketches) -> Tensor:
        """Cross-entropy of cover, and of colour and form where the shape is."""
        answers = self.read(F.layer_norm(hidden, hidden.shape[-1:]))
        cover, colour, shape = answers.split([1, len(COLOURS), len(SHAPES)], dim=-1)
        tokens = cover.shape[1]
        where = F.binary_cross_entropy_with_logits(cover[..., 0], truth.cover)
        share = truth.cover / truth.cover.sum()
        which = F.cross_entropy(colour.mT, _each(truth.colour, tokens), reduction="none")
        form = F.cross_entropy(shape.mT, _each(truth.shape, tokens), reduction="none")
        return where + (share * (which + form)).sum()


def _each(numbers: Tensor, tokens: int) -> Tensor:
    return numbers if numbers.ndim == 2 else numbers[:, None].expand(-1, tokens)
