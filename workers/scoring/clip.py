"""The scorer `clip`: how well a picture and its prompt agree, by a CLIP model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoTokenizer, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from farm.settings import load_settings
from workers.outputs.encode import Pixels
from workers.scoring.weights import NoWeights, sha256_of, weights_folder

#: Of a clip so many frames are looked at, spread over it, the first and the last among them.
MOST_FRAMES = 16


class ClipEmbedder:
    """A CLIP model of transformers in a folder: config.json, safetensors, preprocessor_config.json and a tokenizer."""

    def __init__(self, folder: Path) -> None:
        """Raises NoWeights when the folder holds no such model."""
        try:
            # Never pickled weights, and nothing is asked of the Hub.
            self.model = CLIPModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
            self.images = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise NoWeights(f"{folder} holds no CLIP model that transformers reads: {error}") from error
        self.model.eval().requires_grad_(False)
        named = load_settings().device
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if named == "auto" else named)
        self.model.to(self.device)

    @torch.inference_mode()
    def of_pictures(self, pixels: Pixels) -> Tensor:
        """(frames, width of the embedding), each of length 1; a picture is one frame."""
        pictures = [Image.fromarray(frame) for frame in some_frames(pixels)]
        values = self.images(images=pictures, return_tensors="pt")["pixel_values"].to(self.device)
        return _normal(self.model.visual_projection(self.model.vision_model(pixel_values=values).pooler_output))

    @torch.inference_mode()
    def of_text(self, text: str) -> Tensor:
        """(1, width of the embedding), of length 1. What is longer than the model reads (77 tokens) is left out."""
        most = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(text, return_tensors="pt", truncation=True, max_length=most, padding=True)
        ids, mask = tokens["input_ids"].to(self.device), tokens["attention_mask"].to(self.device)
        return _normal(
            self.model.text_projection(self.model.text_model(input_ids=ids, attention_mask=mask).pooler_output)
        )


class ClipScore:
    """100 * max(cos(picture, prompt), 0): the CLIP score of J. Hessel et al., EMNLP 2021, at the scale of torchmetrics.

    Of a clip the mean over frames (CLIPSIM, C. Wu et al. 2021). Figures of different CLIP models cannot be compared:
    the hash of the weights stands with each.
    """

    def __init__(self) -> None:
        folder = weights_folder("clip", load_settings().scorer_weights)
        self.weights_sha256 = sha256_of(folder)
        self._embedder = embedder(folder)

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> float:
        """pixels: (height, width, 3) or (frames, height, width, 3)."""
        agree = self._embedder.of_pictures(pixels) @ self._embedder.of_text(str(parameters["prompt"])).T
        return max(100 * float(agree.mean()), 0.0)


@cache
def embedder(folder: Path) -> ClipEmbedder:
    """The model of a folder, loaded once a process. Raises NoWeights."""
    return ClipEmbedder(folder)


def some_frames(pixels: Pixels) -> Pixels:
    """(frames, height, width, 3): of a picture itself, of a clip MOST_FRAMES spread over its length."""
    if pixels.ndim == 3:
        return pixels[None]
    places = np.unique(np.linspace(0, len(pixels) - 1, MOST_FRAMES).round().astype(int))
    chosen: Pixels = pixels[places]
    return chosen


def _normal(features: Tensor) -> Tensor:
    normal: Tensor = features / features.norm(p=2, dim=-1, keepdim=True)
    return normal
