"""sana-pair-demo: sana-demo goes on to two shapes and how they stand to each other, at 256 x 256.

First the text encoder, two layers deeper, learns to read alone: which colour and which form stands at which of nine
places. Left to the pictures it would mix up whose colour is whose for a long time. Then words and pictures together,
and the reading is asked all along.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import SanaPipeline
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import Gemma2Model, PreTrainedTokenizerFast

from farm.demo.pairs import random_picture
from farm.demo.random_source import dice
from workers.demo_models.auxiliary_head import Sketcher
from workers.demo_models.components import SANA_SHIFT, gemma, sana_transformer
from workers.demo_models.pair_training_samples import Reader, asked_of, layouts, prepare
from workers.demo_models.train_sana import SKETCH_AFTER, draw_sigmas
from workers.demo_models.training import Plan, Training
from workers.demo_models.training_samples import first_token_twice, tokens

log = logging.getLogger(__name__)

BATCH = 24
PICTURES = 16_000
READING_BATCH = 48
LAYERS = 4
WORDS_FIRST = 0.05
SKETCH_WEIGHT = 0.1
READING_WEIGHT = 0.05


def deeper(taught: Gemma2Model, vocabulary: int) -> Gemma2Model:
    """A text encoder of four layers that begins as the two that `taught` has: the new ones add nothing yet."""
    encoder = gemma(vocabulary, layers=LAYERS)
    missing, _ = encoder.load_state_dict(taught.state_dict(), strict=False)
    new = {name.split(".")[1] for name in missing}
    for number in new:
        layer = encoder.layers[int(number)]
        for norm in (layer.post_attention_layernorm, layer.post_feedforward_layernorm):
            nn.init.constant_(norm.weight, -1.0)  # Gemma scales by 1 + weight
    return encoder


def learn_to_read(
    plan: Plan, encoder: Gemma2Model, reader: Reader, tokenizer: PreTrainedTokenizerFast, folder: Path, seed: int
) -> None:
    """Train the encoder on captions until it knows from each what stands where."""
    school = nn.ModuleDict({"text_encoder": encoder, "reader": reader})
    training = Training("pairs-reading", school, plan, folder)
    training.go_on()
    rng = dice(f"reading pairs {seed} {training.step}")

    def loss_at(progress: float) -> Tensor:
        asked = [asked_of(random_picture(rng), rng) for _ in range(READING_BATCH)]
        ids, mask = _tokens(tokenizer, [text for text, _ in asked], rng)
        with sdpa_kernel([SDPBackend.MATH]):
            embedded = encoder(ids, attention_mask=mask)[0]
        return reader.loss(embedded, mask, layouts([scene for _, scene in asked]))

    training.run(loss_at)
    school.load_state_dict(training.average.state_dict())


def train_pairs(reading: Plan, plan: Plan, teacher: SanaPipeline, folder: Path, seed: int) -> nn.ModuleDict:
    """Train text encoder and transformer; returns them (keys 'text_encoder' and 'transformer'), averaged."""
    tokenizer = teacher.tokenizer
    torch.manual_seed(seed)
    encoder, reader = deeper(teacher.text_encoder, len(tokenizer)), Reader()
    learn_to_read(reading, encoder, reader, tokenizer, folder, seed)
    transformer, sketcher = sana_transformer(), Sketcher()
    transformer.load_state_dict(teacher.transformer.state_dict())
    parts = nn.ModuleDict({"text_encoder": encoder, "transformer": transformer, "sketcher": sketcher, "reader": reader})
    training = Training("pairs", parts, plan, folder)
    training.go_on()
    torch.manual_seed(seed + training.step)  # a run that goes on sees other noise than before
    rng = dice(f"pairs {seed} {training.step}")
    samples = prepare(folder / "pairs-latents.pt", PICTURES, seed, teacher.vae)

    def loss_at(progress: float) -> Tensor:
        latents, captions, truth, layout = samples.batch(BATCH, rng)
        ids, mask = _tokens(tokenizer, captions, rng)
        sigmas = draw_sigmas(len(latents), SANA_SHIFT, progress, WORDS_FIRST)
        noise = torch.randn_like(latents)
        with sdpa_kernel([SDPBackend.MATH]), _hidden_of(transformer.transformer_blocks[SKETCH_AFTER - 1]) as hidden:
            embedded = encoder(ids, attention_mask=mask)[0]
            predicted = transformer(
                torch.lerp(latents, noise, sigmas.view(-1, 1, 1, 1)),
                encoder_hidden_states=embedded,
                encoder_attention_mask=mask,
                timestep=1000 * sigmas,
                return_dict=False,
            )[0]
        loss: Tensor = F.mse_loss(predicted, noise - latents)
        loss = loss + SKETCH_WEIGHT * sketcher.loss(hidden[0], truth)
        return loss + READING_WEIGHT * reader.loss(embedded, mask, layout)

    training.run(loss_at)
    return training.average  # type: ignore[return-value]


def _tokens(tokenizer: PreTrainedTokenizerFast, captions: list[str], rng: random.Random) -> tuple[Tensor, Tensor]:
    """Tokens and mask, half of the time as the pipeline gives them when it cuts its instruction off."""
    ids, mask = tokens(tokenizer, captions)
    return first_token_twice(ids, mask) if rng.random() < 0.5 else (ids, mask)


@contextmanager
def _hidden_of(block: nn.Module) -> Iterator[list[Tensor]]:
    """The outputs of one block while it runs inside."""
    seen: list[Tensor] = []
    hook = block.register_forward_hook(lambda _, __, output: seen.append(output))
    yield seen
    hook.remove()
