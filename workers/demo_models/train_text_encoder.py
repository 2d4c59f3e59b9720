"""Before wan-demo sees a clip, its text encoder learns to read: which colour belongs to what, which form, which way.

Left to the clips alone it stays a bag of words, and swaps 'a red circle on blue' with 'a blue circle on red'. A minute
of plain questions about captions settles that. Then it is frozen, as the real model's text encoder is.
"""

from __future__ import annotations

import logging
import random

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, UMT5EncoderModel

from farm.demo.captions import CHINESE, ENGLISH, caption, leave_out
from farm.demo.random_source import dice
from farm.demo.scenes import Scene, random_scene
from farm.demo.vocabulary import COLOURS, MOTIONS, SHAPES
from workers.demo_models.components import WIDTH
from workers.demo_models.optimiser import optimisers
from workers.demo_models.training_samples import tokens

log = logging.getLogger(__name__)

QUESTIONS = {"colour": COLOURS, "background": COLOURS, "shape": SHAPES, "motion": MOTIONS}
UNSAID = -100
"""The label of what a caption leaves open; cross_entropy passes over it."""
STEPS = 400
BATCH = 32


def learn_to_read(encoder: UMT5EncoderModel, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    """Train the encoder on captions until it answers every question about them, then freeze it."""
    rng = dice(f"reading {seed}")
    answers = nn.Linear(WIDTH, sum(len(names) for names in QUESTIONS.values()))
    school = nn.ModuleDict({"encoder": encoder, "answers": answers})
    learners = optimisers(school, muon_lr=0.02, adam_lr=2e-3)
    groups = [group for optimiser in learners for group in optimiser.param_groups]
    rates = [group["lr"] for group in groups]
    for step in range(STEPS):
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / 20) * min(1.0, 1.3 * (1 - step / STEPS)) ** 2
        loss = _loss(encoder, answers, tokenizer, [_asked(rng) for _ in range(BATCH)], rng)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in learners:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        if step % 50 == 49:
            log.info("reading: step %d, loss %.4f", step + 1, float(loss.detach()))
    encoder.requires_grad_(False)


def _asked(rng: random.Random) -> Scene:
    scene = random_scene(rng, clip=True)
    return leave_out(scene, rng) if rng.random() < 0.25 else scene


def _loss(
    encoder: UMT5EncoderModel,
    answers: nn.Linear,
    tokenizer: PreTrainedTokenizerFast,
    scenes: list[Scene],
    rng: random.Random,
) -> Tensor:
    ids, mask = tokens(tokenizer, [caption(scene, rng.choice((ENGLISH, CHINESE)), rng) for scene in scenes])
    embedded = encoder(ids, attention_mask=mask)[0]
    mean = (embedded * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    losses = []
    scores = answers(mean).split([len(names) for names in QUESTIONS.values()], dim=-1)
    for (attribute, names), score in zip(QUESTIONS.items(), scores, strict=True):
        said = [getattr(scene, attribute) for scene in scenes]
        truth = torch.tensor([UNSAID if name is None else list(names).index(name) for name in said])
        losses.append(F.cross_entropy(score, truth, ignore_index=UNSAID))
    return torch.stack(losses).sum()
