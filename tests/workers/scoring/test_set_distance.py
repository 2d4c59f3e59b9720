"""FID and KID of two sets of pictures: the figures of their papers, worked out with numpy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.workers.tiny_clip import EMBEDDING, save_tiny_clip
from workers.scoring.set_distance import distance_of, distance_of_features, load_features
from workers.scoring.weights import NoWeights

Features = NDArray[np.float64]


class TinyInception(torch.nn.Module):
    """Six features of a picture, or with `return_features` left out two classes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(12, 6)

    def forward(self, picture: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        cells = torch.nn.functional.adaptive_avg_pool2d(picture.float() / 255, [2, 2])
        seen = self.layer(cells.flatten(1))
        return seen if return_features else seen[:, :2]


def write_pictures(folder: Path, count: int, seed: int) -> list[Path]:
    folder.mkdir()
    generator, files = np.random.default_rng(seed), []
    for place in range(count):
        height, width = 20 + place, 30
        top = generator.integers(60, 256)
        Image.fromarray(generator.integers(0, top, (height, width, 3), np.uint8)).save(folder / f"{place:02}.png")
        files.append(folder / f"{place:02}.png")
    return files


def fid_of(first: Features, second: Features) -> float:
    """Heusel et al.: the trace of the root of a product is the sum of the roots of its eigenvalues."""
    gap = first.mean(0) - second.mean(0)
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(one @ other).real.clip(0)).sum()
    return float(gap @ gap + np.trace(one) + np.trace(other) - 2 * roots)


def kid_of(first: Features, second: Features) -> float:
    """Bińkowski et al., formula 4, with all pictures in one subset."""

    def kernel(one: Features, other: Features) -> Features:
        return np.asarray((one @ other.T / one.shape[1] + 1) ** 3)

    size = len(first)
    same = sum(np.sum(kernel(one, one)) - np.trace(kernel(one, one)) for one in (first, second)) / (size * (size - 1))
    return float(same - 2 * kernel(first, second).mean())


def test_fid_and_kid_are_those_of_their_papers() -> None:
    generator = np.random.default_rng(4)
    first = generator.normal(0, 1, (40, 5))
    second = generator.normal(0.4, 1.5, (40, 5))
    found = distance_of_features(torch.from_numpy(first), torch.from_numpy(second))
    assert found.fid == pytest.approx(fid_of(first, second), abs=1e-3)
    assert found.kid == pytest.approx(kid_of(first, second), abs=1e-3)
    assert distance_of_features(torch.from_numpy(first), torch.from_numpy(first)).fid == pytest.approx(0, abs=1e-3)
    again = distance_of_features(torch.from_numpy(first), torch.from_numpy(second))
    assert (again.fid, again.kid) == (found.fid, found.kid)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pictures_of_any_size_are_compared_in_the_features_of_a_torchscript_file(tmp_path: Path) -> None:
    module = TinyInception().eval()
    torch.jit.script(module).save(str(tmp_path / "inception.pt"))
    here, there = write_pictures(tmp_path / "a", 12, 1), write_pictures(tmp_path / "b", 12, 2)
    found = distance_of(here, there, load_features(tmp_path / "inception.pt"))
    assert (found.pictures, found.reference, found.features) == (12, 12, 6)

    def seen(files: list[Path]) -> Features:
        pictures = [torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None] for file in files]
        with torch.inference_mode():
            return np.concatenate([module(picture, return_features=True).double().numpy() for picture in pictures])

    assert found.fid == pytest.approx(fid_of(seen(here), seen(there)), abs=1e-3)
    assert found.kid == pytest.approx(kid_of(seen(here), seen(there)), abs=1e-3)


def test_a_clip_model_may_look_at_the_pictures(tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "a", 4, 1)
    found = distance_of(files, files, load_features(save_tiny_clip(tmp_path / "clip")))
    assert found.features == EMBEDDING
    assert found.fid == pytest.approx(0, abs=1e-3)


def test_too_few_pictures_and_a_file_that_is_no_module_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 pictures at the least; seen 1 and 3"):
        distance_of_features(torch.zeros(1, 4).double(), torch.zeros(3, 4).double())
    (tmp_path / "x.pt").write_bytes(b"nothing")
    with pytest.raises(NoWeights, match=r"x\.pt is no TorchScript file"):
        load_features(tmp_path / "x.pt")


def test_features_that_are_a_picture_again_are_told_and_fill_no_memory(tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "a", 3, 1)
    with pytest.raises(NoWeights, match="gives 30,000 numbers for a picture; take one with 8,192 or fewer"):
        distance_of(files, files, lambda picture: torch.zeros(1, 30_000))
    with pytest.raises(NoWeights, match=r"gives 1,890 numbers for 01\.png and 1,800 for another picture"):
        distance_of(files[:1], files[1:], lambda picture: picture.flatten(1))
