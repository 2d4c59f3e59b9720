"""FID and KID: how far one set of pictures is from another, in the features that a model sees in them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from workers.scoring.weights import NoWeights

#: Pictures of one subset of KID, and subsets, as in the paper; of fewer pictures all are in each.
SUBSET_SIZE = 1000
SUBSETS = 100
#: What is drawn by chance for KID follows from this.
SEED = 0
LEAST_PICTURES = 2
#: Numbers of a picture: FID holds some matrices of as many rows and columns, each of half a gigabyte here.
MOST_FEATURES = 8192

#: From a picture, uint8 (1, 3, height, width), to its features, (1, any number).
Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class SetDistance:
    """How far two sets are apart; smaller is nearer. `features`: numbers that were seen in each picture."""

    fid: float
    kid: float
    kid_std: float  # over the subsets
    pictures: int
    reference: int
    features: int


def load_features(path: Path) -> Features:
    """What a module sees: a TorchScript file, or a folder with a CLIP model. Raises NoWeights.

    A TorchScript file takes uint8 (pictures, 3, height, width) and gives (pictures, features), as the Inception of
    StyleGAN and clean-fid (`inception-2015-12-05.pt`) does; it is asked for features where it can give other things.
    """
    if path.is_dir():
        from workers.scoring.clip import embedder

        clip = embedder(path)
        return lambda picture: clip.of_pictures(picture[0].permute(1, 2, 0).numpy())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the published file is TorchScript and nothing else
            module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise NoWeights(f"{path} is no TorchScript file: {str(error).splitlines()[0]}") from error
    asks = {argument.name for argument in module.forward.schema.arguments}
    given = {"return_features": True} if "return_features" in asks else {}

    def features(picture: Tensor) -> Tensor:
        seen: Tensor = module(picture, **given)
        return seen.flatten(1)

    return features


def distance_of(pictures: Sequence[Path], reference: Sequence[Path], features: Features) -> SetDistance:
    """FID and KID of two sets of picture files, by torchmetrics. Raises ValueError for a set of less than two,
    and NoWeights for features that are too many, or not of one number.

    FID: M. Heusel et al., NeurIPS 2017: |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½) of the means and covariances of the
    features. KID: M. Bińkowski et al., ICLR 2018: the unbiased squared MMD with the kernel (x·y / features + 1)³,
    the mean over subsets.
    """
    both = _seen([*pictures, *reference], features)
    return distance_of_features(both[: len(pictures)], both[len(pictures) :])


@torch.inference_mode()
def distance_of_features(seen: Tensor, expected: Tensor) -> SetDistance:
    """The same of features that are known: (pictures, features) each. Raises ValueError for less than two pictures."""
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    if min(len(seen), len(expected)) < LEAST_PICTURES:
        raise ValueError(f"each set needs {LEAST_PICTURES} pictures at the least; seen {len(seen)} and {len(expected)}")
    known = _Known(seen.shape[1])
    size = min(SUBSET_SIZE, len(seen), len(expected))
    fid = FrechetInceptionDistance(feature=known)
    fid.set_dtype(torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it keeps all features in memory
        kid = KernelInceptionDistance(feature=known, subsets=SUBSETS, subset_size=size)
    for metric in (fid, kid):
        metric.update(expected, real=True)
        metric.update(seen, real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        mean, deviation = kid.compute()
    return SetDistance(
        fid=float(fid.compute()),
        kid=float(mean),
        kid_std=float(deviation),
        pictures=len(seen),
        reference=len(expected),
        features=seen.shape[1],
    )


class _Known(nn.Module):
    """Stands where torchmetrics expects a network: the features are known already, picture by picture."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


@torch.inference_mode()
def _seen(files: Iterable[Path], features: Features) -> Tensor:
    """(pictures, features), float64: pictures of any size, one after the other. Raises NoWeights as above."""
    rows: list[Tensor] = []
    for file in files:
        with Image.open(file) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        row = features(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]).cpu().double()
        if row.shape[1] > MOST_FEATURES:
            raise NoWeights(f"gives {row.shape[1]:,} numbers for a picture; take one with {MOST_FEATURES:,} or fewer")
        if rows and row.shape != rows[0].shape:
            raise NoWeights(
                f"gives {row.shape[1]:,} numbers for {file.name} and {rows[0].shape[1]:,} for another picture; take "
                "one that gives as many for every size"
            )
        rows.append(row)
    return torch.cat(rows) if rows else torch.zeros(0, 1, dtype=torch.float64)
