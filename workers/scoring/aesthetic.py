"""The scorer `aesthetic`: how people would rate a picture, by LAION's predictor on top of a CLIP model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from farm.settings import load_settings
from workers.outputs.encode import Pixels
from workers.scoring.clip import embedder
from workers.scoring.weights import NoWeights, sha256_of, weights_folder

#: The files of the predictor beside the CLIP model; the one with pickled tensors is read without running code.
HEADS = ("aesthetic.safetensors", "aesthetic.pth")


class Aesthetic:
    """The mean rating that people gave to such pictures, about 1 to 10; of a clip the mean over frames.

    C. Schuhmann's predictors for LAION: a linear layer (v1), or one after the other without activations (v2), on the
    normalised picture embedding of CLIP ViT-L/14. The folder holds that CLIP model and the head in one of HEADS: the
    published `sa_0_4_vit_l_14_linear.pth` or `sac+logos+ava1-l14-linearMSE.pth` under that name.
    """

    def __init__(self) -> None:
        folder = weights_folder("aesthetic", load_settings().scorer_weights)
        self.weights_sha256 = sha256_of(folder)
        self._embedder = embedder(folder)
        self._head = read_head(folder).to(self._embedder.device)

    @torch.inference_mode()
    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> float:
        """pixels: (height, width, 3) or (frames, height, width, 3)."""
        return float(self._head(self._embedder.of_pictures(pixels)).mean())


def read_head(folder: Path) -> nn.Sequential:
    """The layers of the predictor in a folder. Raises NoWeights."""
    path = next((folder / name for name in HEADS if (folder / name).is_file()), None)
    if path is None:
        raise NoWeights(f"{folder} has no {' or '.join(HEADS)}: the head of the aesthetic predictor")
    try:
        tensors = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
        return _layers(tensors)
    except Exception as error:  # torch and safetensors raise kinds of their own for what is damaged
        raise NoWeights(f"{path} holds no aesthetic predictor: {error}") from error


def _layers(tensors: Mapping[str, Tensor]) -> nn.Sequential:
    """'weight' and 'bias' of one layer, or 'layers.0.weight', 'layers.2.weight' … of several, in their order."""
    weights = sorted((name for name in tensors if name.endswith("weight")), key=_place)
    layers = nn.Sequential()
    for name in weights:
        weight, bias = tensors[name], tensors[name.removesuffix("weight") + "bias"]
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight, "bias": bias})
        layers.append(layer)
    if not weights or tensors[weights[-1]].shape[0] != 1:
        raise ValueError("its last layer does not give one number")
    return layers.eval().requires_grad_(False)


def _place(name: str) -> int:
    return next((int(part) for part in name.split(".") if part.isdecimal()), 0)
