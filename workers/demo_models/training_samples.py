"""What a training step teaches: a scene's latents with words for it, drawn afresh each time.

Latents are made once per autoencoder and kept; the caption is new every time a scene comes up. Eight
captions in a hundred say nothing (so guidance and negative prompts have something to push away from), a
quarter leave attributes open (so the seed has something to choose).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from farm.demo.captions import CHINESE, ENGLISH, caption, leave_out
from farm.demo.random_source import dice
from farm.demo.scenes import Scene, random_scene
from farm.demo.vocabulary import VAGUE
from workers.demo_models.auxiliary_head import Sketches, sketches

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingSamples:
    """Scenes, their latents and their sketches, one to one; latents of shape (scenes, channels, ...)."""

    scenes: list[Scene]
    latents: Tensor
    sketches: Sketches

    def batch(self, size: int, rng: random.Random, open_share: float = 0.25) -> tuple[Tensor, list[str], Sketches]:
        """Latents, captions and sketches of `size` scenes drawn at random."""
        chosen = [rng.randrange(len(self.scenes)) for _ in range(size)]
        captions = [words(self.scenes[i], rng, open_share) for i in chosen]
        return self.latents[chosen], captions, self.sketches.chosen(chosen)


def words(scene: Scene, rng: random.Random, open_share: float = 0.25) -> str:
    """A caption as training shows it: mostly complete, at times vague, in `open_share` of cases partial."""
    kind = rng.random()
    if kind < 0.08:
        return "" if rng.random() < 0.6 else rng.choice(VAGUE)
    asked = leave_out(scene, rng) if kind < 0.08 + open_share else scene
    return caption(asked, rng.choice((ENGLISH, CHINESE)), rng)


def prepare(
    file: Path,
    count: int,
    seed: int,
    encode: Callable[[list[Scene], random.Random], Tensor],
    size: tuple[int, int],
    frames: int | None = None,
) -> TrainingSamples:
    """Draw `count` training scenes and encode them, 50 at a time, or read what `file` has kept of them.

    size: width and height in pixels; frames: of clips, or None for pictures.
    """
    rng = dice(f"lessons {seed}")  # the seeds that the shipped models were trained from
    scenes = [random_scene(rng, clip=frames is not None) for _ in range(count)]
    drawn = sketches(scenes, *size, frames or 1)
    if file.exists():
        return TrainingSamples(scenes, torch.load(file, weights_only=True), drawn)
    with torch.no_grad():
        parts = [encode(scenes[i : i + 50], rng) for i in range(0, count, 50)]
    latents = torch.cat(parts)
    torch.save(latents, file)
    log.info("%s: latents of shape %s, spread %.3f", file.stem, tuple(latents.shape), float(latents.std()))
    return TrainingSamples(scenes, latents, drawn)


def tokens(tokenizer: PreTrainedTokenizerFast, captions: list[str]) -> tuple[Tensor, Tensor]:
    """Token ids and mask, both of shape (captions, longest)."""
    encoded = tokenizer(captions, padding=True, return_tensors="pt")
    return encoded.input_ids, encoded.attention_mask


def first_token_twice(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens and mask as Sana's pipeline gives them when it cuts its instruction off."""
    return torch.cat([ids[:, :1], ids], 1), torch.cat([mask[:, :1], mask], 1)
