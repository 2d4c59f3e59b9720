"""wan-demo: flow matching of clips and words. Where first, then words, then everything.

Wan's transformer knows only how far tokens are from each other, never where they are, and a tiny one that
sees pure noise would not find out: it learns the background and nothing that has a place. So a small
reading head, thrown away afterwards, asks the first layers for each token's frame, row and column. They
learn to tell from the noise alone (a token at the edge finds nobody on one side) within seconds; words and
motion then have something to hold on to.
"""

from __future__ import annotations

import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLWan, WanPipeline, WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttention, WanAttnProcessor
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedTokenizerFast

from farm.demo.random_source import dice
from farm.demo.scenes import Scene, draw_clip
from workers.demo_models.autoencoders import clips
from workers.demo_models.auxiliary_head import Sketcher
from workers.demo_models.components import WAN_SHIFT, WIDTH, umt5, wan_scheduler, wan_transformer
from workers.demo_models.train_sana import draw_sigmas
from workers.demo_models.train_text_encoder import learn_to_read
from workers.demo_models.training import Plan, Training
from workers.demo_models.training_samples import TrainingSamples, prepare, tokens

BATCH = 24
SCENES = 4000
GRID = (3, 4, 4)
"""Frames, rows and columns of tokens in a clip of 9 frames of 64 x 64."""
WORDS_FIRST = 0.15
PLACE_AFTER = 2
PLACE_WEIGHT = 0.05
SKETCH_AFTER = 4
SKETCH_WEIGHT = 0.1
SHAPE_WEIGHT = 3.0
"""How much more the error of a token weighs that the shape covers: it is a fifth of a clip, and all that is hard."""
TEXT_LENGTH = 512
"""Wan attends to this many text tokens; those after the prompt are zeros and not masked."""


class PaddedText(WanAttnProcessor):  # type: ignore[misc]
    """Attention to the words and to ONE zero token that weighs as much as all the padding the pipeline adds.

    Exact, and a twentieth of the work. `bias`, (batch, 1, 1, tokens + 1), is set before each batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bias: Tensor | None = None

    def __call__(
        self,
        attn: WanAttention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        heard: Tensor = super().__call__(attn, hidden_states, encoder_hidden_states, self.bias, rotary_emb)
        return heard


def padded(embedded: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings (batch, tokens, width) with one zero token more, and the attention bias for them."""
    lengths = mask.sum(1, keepdim=True)
    words = torch.where(mask.bool(), 0.0, -math.inf)
    pads = torch.log(TEXT_LENGTH - lengths.float())
    zero = embedded.new_zeros(len(embedded), 1, embedded.shape[2])
    text = torch.cat([embedded * mask[..., None], zero], 1)
    return text, torch.cat([words, pads], 1)[:, None, None, :]


def weights(cover: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """How much each latent's error weighs, (clips, 1, frames, 2 rows, 2 columns), 1 on average.

    cover: share of each token that the shape covers, (clips, tokens); grid: tokens in frames, rows and columns. The
    words settle where the shape is, so the weights pull no prediction aside; they only share the effort out.
    """
    weighed = 0.4 + SHAPE_WEIGHT * cover.sqrt()
    weighed = weighed / weighed.mean(1, keepdim=True)
    return weighed.view(-1, 1, *grid).repeat_interleave(2, 3).repeat_interleave(2, 4)


class Reader(nn.Module):
    """Reads each token's frame, row and column off a hidden layer; only the training uses it."""

    def __init__(self, grid: tuple[int, int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.read = nn.Linear(WIDTH, sum(grid))

    def loss(self, hidden: Tensor) -> Tensor:
        """Cross-entropy of the three coordinates; hidden of shape (batch, frames * rows * columns, width)."""
        coordinates = torch.meshgrid(*(torch.arange(n) for n in self.grid), indexing="ij")
        scores = self.read(F.layer_norm(hidden, hidden.shape[-1:])).flatten(0, 1).split(self.grid, dim=-1)
        truths = [axis.flatten().repeat(len(hidden)) for axis in coordinates]
        losses = [F.cross_entropy(s, t) for s, t in zip(scores, truths, strict=True)]
        return torch.stack(losses).sum()


def clip_samples(vae: AutoencoderKLWan, folder: Path, seed: int) -> TrainingSamples:
    """Latents of drawn clips, (scenes, 16, 3, 8, 8), with a mean of 0 and a spread of 1 in each channel."""
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
    spread = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)

    def encode(scenes: list[Scene], rng: random.Random) -> Tensor:
        drawn = clips([draw_clip(scene, rng=rng) for scene in scenes])
        latents: Tensor = (vae.encode(drawn).latent_dist.mode() - mean) / spread
        return latents

    return prepare(folder / "clips.pt", SCENES, seed, encode, (64, 64), frames=9)


def train_wan(
    plan: Plan,
    vae: AutoencoderKLWan,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    seed: int,
    start: WanPipeline | None = None,
) -> nn.ModuleDict:
    """Train text encoder and transformer; returns them (keys 'text_encoder' and 'transformer'), averaged.

    start: a pipeline whose transformer goes on learning, from the words that its text encoder can read already.
    """
    torch.manual_seed(seed)
    rng = dice(seed)
    if start is None:
        text_encoder, transformer = umt5(len(tokenizer)), wan_transformer()
        learn_to_read(text_encoder, tokenizer, seed)
    else:
        text_encoder, transformer = start.text_encoder.requires_grad_(False), start.transformer
    reader, sketcher = Reader(GRID), Sketcher()
    parts = nn.ModuleDict(
        {
            "text_encoder": text_encoder,
            "transformer": transformer,
            "reader": reader,
            "sketcher": sketcher,
        }
    )
    training = Training("wan", parts, plan, folder)
    training.go_on()
    samples = clip_samples(vae, folder, seed)
    to_words = _listen(transformer)
    layers: list[Tensor] = []
    for block in transformer.blocks:
        block.register_forward_hook(lambda _, __, output: layers.append(output))

    def loss_at(progress: float) -> Tensor:
        latents, captions, truth = samples.batch(BATCH, rng)
        ids, mask = tokens(tokenizer, captions)
        sigmas = draw_sigmas(len(latents), WAN_SHIFT, progress, WORDS_FIRST if start is None else 0.0)
        noise = torch.randn_like(latents)
        with sdpa_kernel([SDPBackend.MATH]):
            with torch.no_grad():
                embedded = text_encoder(ids, attention_mask=mask)[0]
            text, to_words.bias = padded(embedded, mask)
            predicted = transformer(
                torch.lerp(latents, noise, sigmas.view(-1, 1, 1, 1, 1)),
                timestep=1000 * sigmas,
                encoder_hidden_states=text,
                return_dict=False,
            )[0]
        where = reader.loss(layers[PLACE_AFTER - 1])
        what = sketcher.loss(layers[SKETCH_AFTER - 1], truth)
        layers.clear()
        difference = (weights(truth.cover, GRID) * (predicted - noise + latents).square()).mean()
        loss: Tensor = difference + PLACE_WEIGHT * where + SKETCH_WEIGHT * what
        return loss

    training.run(loss_at)
    return training.average  # type: ignore[return-value]


def _listen(transformer: WanTransformer3DModel) -> PaddedText:
    """Let every layer attend to its text through one PaddedText, and return it."""
    processor = PaddedText()
    for block in transformer.blocks:
        block.attn2.set_processor(processor)
    return processor


def wan_pipeline(parts: nn.ModuleDict, vae: AutoencoderKLWan, tokenizer: PreTrainedTokenizerFast) -> WanPipeline:
    """The trained parts as the pipeline that ships."""
    transformer = wan_transformer()
    transformer.load_state_dict(parts["transformer"].state_dict())
    return WanPipeline(
        tokenizer=tokenizer,
        text_encoder=parts["text_encoder"],
        vae=vae,
        transformer=transformer,
        scheduler=wan_scheduler(),
    )
