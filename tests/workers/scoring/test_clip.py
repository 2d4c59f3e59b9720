"""CLIP score and aesthetic rating, with tiny random weights, beside the same by transformers' own forward."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.functional.multimodal import clip_score
from transformers import AutoTokenizer, CLIPModel, CLIPProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from tests.workers.tiny_clip import save_head, save_tiny_clip
from workers.outputs.encode import Pixels
from workers.scoring.aesthetic import HEADS, Aesthetic, read_head
from workers.scoring.clip import ClipScore, some_frames
from workers.scoring.weights import NoWeights, sha256_of, weights_folder

PROMPT = "a red circle on a blue background"


def pictures(count: int) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (count, 48, 64, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and a head, which the settings name for both scorers."""
    made = save_tiny_clip(tmp_path / "clip")
    save_head(made / HEADS[0])
    monkeypatch.setenv("FARM_SCORER_WEIGHTS", f"clip={made},aesthetic={made}")
    return made


def reference_logits(folder: Path, frames: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The cosines as CLIPModel works them out itself: logits_per_image without their scale."""
    model = CLIPModel.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(PROMPT, return_tensors="pt")
    images = CLIPImageProcessorPil.from_pretrained(folder)(
        images=[Image.fromarray(frame) for frame in frames], return_tensors="pt"
    )
    with torch.inference_mode():
        out = model(**inputs, **images)
        scale = model.logit_scale.exp()
        found = (out.logits_per_image / scale).double().numpy()[:, 0]
    cosines: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = found
    return cosines


def test_the_clip_score_is_that_of_transformers_at_the_scale_of_torchmetrics(folder: Path) -> None:
    frames, scorer = pictures(4), ClipScore()
    cosines = reference_logits(folder, frames)
    assert cosines.std() > 0
    for frame, cosine in zip(frames, cosines, strict=True):
        assert scorer(frame, {"prompt": PROMPT}) == pytest.approx(max(100 * cosine, 0), abs=1e-3)
    assert scorer(frames, {"prompt": PROMPT}) == pytest.approx(max(100 * cosines.mean(), 0), abs=1e-3)
    assert scorer.weights_sha256 == sha256_of(folder)
    assert scorer(frames[0], {"prompt": "long " * 500}) >= 0  # what is too long is left out


class ClipForTorchmetrics(CLIPModel):
    """As transformers 4 answered, and as torchmetrics 1.9.0 expects (torchmetrics#3407, mended after it)."""

    def get_image_features(self, *arguments: Any, **options: Any) -> torch.Tensor:
        return super().get_image_features(*arguments, **options).pooler_output

    def get_text_features(self, *arguments: Any, **options: Any) -> torch.Tensor:
        return super().get_text_features(*arguments, **options).pooler_output


def test_the_clip_score_is_that_of_torchmetrics(folder: Path) -> None:
    def loaded() -> tuple[CLIPModel, CLIPProcessor]:
        images, tokenizer = CLIPImageProcessorPil.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
        return ClipForTorchmetrics.from_pretrained(folder), CLIPProcessor(images, tokenizer)

    scorer = ClipScore()
    for frame in pictures(4):
        with torch.no_grad():
            theirs = clip_score(torch.from_numpy(frame).permute(2, 0, 1), PROMPT, model_name_or_path=loaded)
        assert scorer(frame, {"prompt": PROMPT}) == pytest.approx(float(theirs), abs=1e-3)


@pytest.mark.parametrize("name", HEADS)
def test_the_rating_is_that_of_the_published_layers_on_the_normalised_embedding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = save_tiny_clip(tmp_path / "clip", seed=1)
    head = save_head(folder / name)
    monkeypatch.setenv("FARM_SCORER_WEIGHTS", f"aesthetic={folder}")
    frames, scorer = pictures(3), Aesthetic()
    model = CLIPModel.from_pretrained(folder).eval()
    images = CLIPImageProcessorPil.from_pretrained(folder)(
        images=[Image.fromarray(frame) for frame in frames], return_tensors="pt"
    )
    with torch.inference_mode():
        features = model.visual_projection(model.vision_model(**images).pooler_output)
        ratings = head(torch.nn.functional.normalize(features, dim=-1))[:, 0].tolist()
    assert [scorer(frame, {}) for frame in frames] == pytest.approx(ratings, abs=1e-3)
    assert scorer(frames, {}) == pytest.approx(np.mean(ratings), abs=1e-3)


def test_of_a_long_clip_frames_spread_over_it_are_looked_at() -> None:
    clip = np.arange(100, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    chosen = some_frames(clip)[:, 0, 0, 0].tolist()
    assert (chosen[0], chosen[-1], len(chosen)) == (0, 99, 16)
    assert len(some_frames(clip[:5])) == 5


def test_weights_that_are_not_here_are_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    commit = "0" * 40

    def told(weights: dict[str, str]) -> str:
        with pytest.raises(NoWeights) as refused:
            weights_folder("clip", weights)
        return str(refused.value)

    assert "FARM_SCORER_WEIGHTS (clip=…)" in told({})
    assert "no folder on this machine" in told({"clip": str(tmp_path / "none")})
    assert "name the commit, too" in told({"clip": "openai/clip-vit-base-patch32"})
    assert "name the commit, too" in told({"clip": "openai/clip-vit-base-patch32@main"})
    assert "fetch them with `farm scorer --pull clip`" in told({"clip": f"openai/clip-vit-base-patch32@{commit}"})
    assert weights_folder("clip", {"clip": str(tmp_path)}) == tmp_path


def test_a_folder_without_a_model_or_a_head_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_SCORER_WEIGHTS", f"clip={tmp_path}")
    with pytest.raises(NoWeights, match="holds no CLIP model"):
        ClipScore()
    with pytest.raises(NoWeights, match=r"has no aesthetic.safetensors or aesthetic.pth"):
        read_head(tmp_path)
    (tmp_path / HEADS[0]).write_bytes(b"no tensors")
    with pytest.raises(NoWeights, match="holds no aesthetic predictor"):
        read_head(tmp_path)
