"""What a training step of sana-pair-demo teaches: latents of one or two drawn shapes, words, and what stands where.

The latents are those of sana-demo's autoencoder and of the drawing at half the size, so what sana-demo has learnt
stays of use. Where the shapes stand is asked twice: of the words alone, and of the middle of the transformer.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC
from torch import Tensor, nn

from farm.demo.captions import CHINESE, ENGLISH, caption, leave_out
from farm.demo.pair_captions import leave_out_of_pair, pair_caption
from farm.demo.pairs import Pair, Placed, draw, paint, placed, random_picture
from farm.demo.random_source import dice
from farm.demo.scenes import Scene
from farm.demo.vocabulary import CENTRES, COLOURS, SHAPES, STANDINGS, VAGUE
from workers.demo_models.autoencoders import pixels
from workers.demo_models.auxiliary_head import TOKEN, Sketches
from workers.demo_models.components import WIDTH

log = logging.getLogger(__name__)

HALF = 128
"""Side in pixels of the drawings that the latents are of."""
NOTHING = 0
UNSAID = -100
"""The label of what a caption leaves open; cross_entropy passes over it."""


@dataclass(frozen=True, slots=True)
class PairTrainingSamples:
    """Pictures, their latents (pictures, 16, 8, 8) and their sketches with a colour and a form for every token."""

    scenes: list[Scene | Pair]
    latents: Tensor
    sketches: Sketches

    def batch(self, size: int, rng: random.Random) -> tuple[Tensor, list[str], Sketches, Tensor]:
        """Latents, captions, sketches and layouts of `size` pictures drawn at random."""
        chosen = [rng.randrange(len(self.scenes)) for _ in range(size)]
        asked = [asked_of(self.scenes[i], rng) for i in chosen]
        captions = [text for text, _ in asked]
        return self.latents[chosen], captions, self.sketches.chosen(chosen), layouts([scene for _, scene in asked])


def prepare(file: Path, count: int, seed: int, vae: AutoencoderDC) -> PairTrainingSamples:
    """Draw `count` training pictures and encode them, 50 at a time, or read what `file` has kept of them."""
    rng = dice(f"pair lessons {seed}")  # the seeds that the shipped model was trained from
    scenes = [random_picture(rng) for _ in range(count)]
    drawn = sketches(scenes)
    if file.exists():
        return PairTrainingSamples(scenes, torch.load(file, weights_only=True), drawn)
    parts = []
    with torch.no_grad():
        for start in range(0, count, 50):
            batch = pixels([draw(scene, HALF, rng) for scene in scenes[start : start + 50]])
            parts.append(vae.encode(batch).latent * vae.config.scaling_factor)
    latents = torch.cat(parts)
    torch.save(latents, file)
    log.info("%s: latents of shape %s, spread %.3f", file.stem, tuple(latents.shape), float(latents.std()))
    return PairTrainingSamples(scenes, latents, drawn)


def asked_of(scene: Scene | Pair, rng: random.Random) -> tuple[str, Scene | Pair | None]:
    """A caption as training shows it, and what it asks for: mostly all, at times a part or nothing."""
    if isinstance(scene, Scene):
        kind = rng.random()
        if kind < 0.08:
            return _nothing(rng)
        asked = leave_out(scene, rng) if kind < 0.33 else scene
        return caption(asked, rng.choice((ENGLISH, CHINESE)), rng), asked
    kind = rng.random()
    if kind < 0.08:
        return _nothing(rng)
    pair = scene if rng.random() < 0.5 else scene.turned()
    pair = leave_out_of_pair(pair, rng) if kind < 0.33 else pair
    return pair_caption(pair, rng.choice((ENGLISH, CHINESE)), rng), pair


def _nothing(rng: random.Random) -> tuple[str, None]:
    return "" if rng.random() < 0.6 else rng.choice(VAGUE), None


def sketches(scenes: Sequence[Scene | Pair]) -> Sketches:
    """Of each token, how much the shapes cover, and the colour and the form of the one that covers it most."""
    covers, colours, shapes = [], [], []
    for scene in scenes:
        things = placed(scene)
        each = np.stack([_cover(thing) for thing in things])
        most = each.argmax(0)
        covers.append(each.sum(0).clip(0, 1))
        colours.append(np.array([list(COLOURS).index(thing.colour) for thing in things])[most])
        shapes.append(np.array([list(SHAPES).index(thing.shape) for thing in things])[most])
    return Sketches(*(torch.from_numpy(np.stack(parts)) for parts in (covers, colours, shapes)))


@cache
def _cover(thing: Placed) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    drawn = paint([(thing, (255, 255, 255))], (0, 0, 0), HALF).reduce(TOKEN)
    return (np.asarray(drawn, dtype=np.float32)[..., 0] / 255).reshape(-1).astype(np.float32)


def layouts(asked: Sequence[Scene | Pair | None]) -> Tensor:
    """What each caption says of the nine places' colours, of their forms and of the ground, (captions, 9 + 9 + 1).

    A colour or form is counted from 1, NOTHING is an empty place; what is left open is UNSAID.
    """
    return torch.tensor([_layout(scene) for scene in asked])


def _layout(scene: Scene | Pair | None) -> list[int]:
    places = len(CENTRES)
    if scene is None:
        return [UNSAID] * (2 * places + 1)
    ground = UNSAID if scene.background is None else list(COLOURS).index(scene.background) + 1
    if isinstance(scene, Scene):
        things = [(scene.place, scene.colour, scene.shape)]
    else:
        there = STANDINGS[str(scene.relation)]
        things = [(place, t.colour, t.shape) for place, t in zip(there, (scene.first, scene.second), strict=True)]
    if things[0][0] is None:
        return [UNSAID] * (2 * places) + [ground]
    colours, forms = [NOTHING] * places, [NOTHING] * places
    for place, colour, shape in things:
        number = list(CENTRES).index(str(place))
        colours[number] = UNSAID if colour is None else list(COLOURS).index(colour) + 1
        forms[number] = UNSAID if shape is None else list(SHAPES).index(shape) + 1
    return [*colours, *forms, ground]


class Reader(nn.Module):
    """Answers from a caption's embedding what stands where; thrown away after the training."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Linear(WIDTH, len(CENTRES) * (2 + len(COLOURS) + len(SHAPES)))
        self.ground = nn.Linear(WIDTH, 1 + len(COLOURS))

    def loss(self, embedded: Tensor, mask: Tensor, truth: Tensor) -> Tensor:
        """Cross-entropy of the layouts; embedded (captions, tokens, width)."""
        mean = (embedded * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        places = len(CENTRES)
        answers = self.places(mean).unflatten(-1, (places, -1))
        colour, form = answers.split([1 + len(COLOURS), 1 + len(SHAPES)], dim=-1)
        return (
            F.cross_entropy(colour.mT, truth[:, :places], ignore_index=UNSAID)
            + F.cross_entropy(form.mT, truth[:, places:-1], ignore_index=UNSAID)
            + 0.3 * F.cross_entropy(self.ground(mean), truth[:, -1], ignore_index=UNSAID)
        )
