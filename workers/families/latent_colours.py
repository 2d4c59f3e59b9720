"""Which colour a latent position has, about: a linear map from latent channels to red, green and blue.

It is learnt from what the VAE itself makes of latents, so every VAE has one without a table of constants. Good enough
to see what a render is going to be, at the cost of one small matrix product.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: After so many pictures more of them change nothing that could be seen.
_ENOUGH = 16
#: Keeps the map tame where channels hardly vary; relative to the mean square of a channel.
_RIDGE = 1e-3


class LatentColours:
    """Least squares over the pictures shown to `learn`, solved anew after each."""

    def __init__(self) -> None:
        self._pictures = 0
        self._inner: Tensor | None = None  # (channels + 1, channels + 1)
        self._outer: Tensor | None = None  # (channels + 1, 3)
        self._map: Tensor | None = None  # (channels + 1, 3)

    @property
    def known(self) -> bool:
        """Whether anything has been learnt."""
        return self._map is not None

    @property
    def enough(self) -> bool:
        """Whether more pictures would be of no use."""
        return self._pictures >= _ENOUGH

    def learn(self, latents: Tensor, pixels: NDArray[np.uint8]) -> None:
        """latents: (1, channels, [frames,] height, width); pixels: what they were decoded to, uncropped."""
        rows = _rows(latents)
        frames, height, width = _grid(latents)
        clip = torch.from_numpy(pixels if pixels.ndim == 4 else pixels[None]).permute(0, 3, 1, 2).float()
        small = torch.nn.functional.interpolate(clip, (height, width), mode="area")
        # A latent frame stands for several of the clip, the first for one: their places are about the same.
        places = torch.linspace(0, len(small) - 1, frames).round().long()
        colours = small[places].permute(0, 2, 3, 1).reshape(-1, 3)
        inner, outer = rows.T @ rows / len(rows), rows.T @ colours / len(rows)
        self._inner = inner if self._inner is None else self._inner + inner
        self._outer = outer if self._outer is None else self._outer + outer
        self._pictures += 1
        ridge = _RIDGE * self._inner.diagonal().mean() * torch.eye(len(self._inner))
        self._map = torch.linalg.solve(self._inner + ridge, self._outer)

    def show(self, latents: Tensor) -> NDArray[np.uint8]:
        """(height, width, 3), or (frames, height, width, 3) for a clip: a pixel for each latent position."""
        if self._map is None:
            raise RuntimeError("no colours have been learnt")
        frames, height, width = _grid(latents)
        colours = (_rows(latents) @ self._map).nan_to_num(0.0).clamp(0, 255).round().byte()
        picture: NDArray[np.uint8] = colours.reshape(frames, height, width, 3).numpy()
        return picture if latents.dim() == 5 else picture[0]


def _grid(latents: Tensor) -> tuple[int, int, int]:
    frames = latents.shape[2] if latents.dim() == 5 else 1
    return frames, latents.shape[-2], latents.shape[-1]


def _rows(latents: Tensor) -> Tensor:
    """(positions, channels + 1) on the host, the last column ones."""
    channels = latents[0].float().cpu().reshape(latents.shape[1], -1).T
    return torch.cat([channels, torch.ones(len(channels), 1)], dim=1)
