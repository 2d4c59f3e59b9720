"""The stages of the training, by name, with their budgets in CPU seconds.

The model cards say where the shipped weights went another way.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderDC, AutoencoderKLWan, DiffusionPipeline, SanaPipeline, WanPipeline
from torch import nn

from workers.demo_models.autoencoders import (
    clip_autoencoder,
    picture_autoencoder,
    train_clip_autoencoder,
    train_picture_autoencoder,
)
from workers.demo_models.clip_decoder import sharpen
from workers.demo_models.components import gemma, sana_transformer, umt5, wan_transformer
from workers.demo_models.pair_autoencoder import train_pair_autoencoder
from workers.demo_models.tokenizer import build_tokenizer
from workers.demo_models.train_pairs import train_pairs
from workers.demo_models.train_sana import sana_pipeline, train_sana
from workers.demo_models.train_sprint import sprint_pipeline, train_sprint
from workers.demo_models.train_wan import train_wan, wan_pipeline
from workers.demo_models.training import Plan


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where the training works and stores, its seed, and CPU seconds that replace a stage's own budget."""

    folder: Path
    weights: Path
    seed: int
    seconds: float | None = None

    def budget(self, seconds: float) -> float:
        """The CPU seconds to spend: the stage's own, unless others were asked for."""
        return seconds if self.seconds is None else self.seconds

    def store(self, pipeline: DiffusionPipeline, name: str) -> None:
        """Save a finished model in half the bytes (bf16); loading it as float32 is fine."""
        pipeline.to(dtype=torch.bfloat16).save_pretrained(self.weights / name, safe_serialization=True)
        for file in (self.weights / name).rglob("config.json"):
            # Where a part was loaded from says nothing to others.
            config = {key: value for key, value in json.loads(file.read_text()).items() if key != "_name_or_path"}
            file.write_text(json.dumps(config, indent=2) + "\n")


def learn_pictures(workshop: Workshop) -> None:
    """Pictures to latents and back, for sana-demo and sprint-demo."""
    plan = Plan(seconds=workshop.budget(330), average=0.98)
    vae = train_picture_autoencoder(plan, workshop.folder, workshop.seed)
    vae.save_pretrained(workshop.folder / "picture-autoencoder")


def learn_clips(workshop: Workshop) -> None:
    """Clips to latents and back, for wan-demo."""
    plan = Plan(seconds=workshop.budget(1000), average=0.98)
    vae = train_clip_autoencoder(plan, workshop.folder, workshop.seed)
    vae.save_pretrained(workshop.folder / "clip-autoencoder")


def sana(workshop: Workshop) -> None:
    """sana-demo: many steps, guidance, negative prompts."""
    vae = AutoencoderDC.from_pretrained(workshop.folder / "picture-autoencoder")
    tokenizer = build_tokenizer(ends_with_eos=False)
    parts = train_sana(Plan(workshop.budget(2100)), vae, tokenizer, workshop.folder, workshop.seed)
    workshop.store(sana_pipeline(parts, vae, tokenizer), "sana-demo")


def sprint(workshop: Workshop) -> None:
    """sprint-demo: sana-demo in one to four steps."""
    teacher = SanaPipeline.from_pretrained(workshop.weights / "sana-demo", dtype=torch.float32)
    plan = Plan(workshop.budget(450), muon_lr=0.008, adam_lr=8e-4)
    parts = train_sprint(plan, teacher, workshop.folder, workshop.seed)
    workshop.store(sprint_pipeline(parts, teacher), "sprint-demo")


def pair_autoencoder(workshop: Workshop) -> None:
    """Pictures of 256 x 256 to sana-demo's latents and back, for sana-pair-demo."""
    small = SanaPipeline.from_pretrained(workshop.weights / "sana-demo", dtype=torch.float32).vae
    plan = Plan(workshop.budget(1600), muon_lr=0.012, adam_lr=1.2e-3, average=0.985, checkpoint_every=30)
    vae = train_pair_autoencoder(plan, small, workshop.folder, workshop.seed)
    vae.save_pretrained(workshop.folder / "pair-autoencoder")


def pairs(workshop: Workshop) -> None:
    """sana-pair-demo: sana-demo as it is shipped goes on to two shapes, at 256 x 256."""
    teacher = SanaPipeline.from_pretrained(workshop.weights / "sana-demo", dtype=torch.float32)
    reading = Plan(min(300, workshop.budget(300)), muon_lr=0.012, adam_lr=1.2e-3, average=0.99, checkpoint_every=30)
    plan = Plan(workshop.budget(2400), muon_lr=0.012, adam_lr=1.2e-3, checkpoint_every=30)
    parts = train_pairs(reading, plan, teacher, workshop.folder, workshop.seed)
    vae = AutoencoderDC.from_pretrained(workshop.folder / "pair-autoencoder")
    workshop.store(sana_pipeline(parts, vae, teacher.tokenizer), "sana-pair-demo")


def wan(workshop: Workshop) -> None:
    """wan-demo: clips of moving shapes."""
    vae = AutoencoderKLWan.from_pretrained(workshop.folder / "clip-autoencoder")
    tokenizer = build_tokenizer(ends_with_eos=True)
    parts = train_wan(Plan(workshop.budget(2000)), vae, tokenizer, workshop.folder, workshop.seed)
    workshop.store(wan_pipeline(parts, vae, tokenizer), "wan-demo")


def clip_decoder(workshop: Workshop) -> None:
    """Sharper clips from the same latents."""
    vae = AutoencoderKLWan.from_pretrained(workshop.folder / "clip-autoencoder")
    sharpen(_decoder_plan(workshop), vae, workshop.folder, workshop.seed)
    vae.save_pretrained(workshop.folder / "clip-autoencoder")


def wan_decoder(workshop: Workshop) -> None:
    """wan-demo as it is shipped draws sharper from the same latents; its transformer stays as it is."""
    pipeline = WanPipeline.from_pretrained(workshop.weights / "wan-demo", dtype=torch.float32)
    sharpen(_decoder_plan(workshop), pipeline.vae, workshop.folder, workshop.seed)
    workshop.store(pipeline, "wan-demo")


def _decoder_plan(workshop: Workshop) -> Plan:
    """So long because points come last: of 24 clips 18 had their shape after 240 CPU seconds, all after 1,300."""
    return Plan(workshop.budget(3750), muon_lr=0.012, adam_lr=1.2e-3, average=0.99, checkpoint_every=60)


def wan_longer(workshop: Workshop) -> None:
    """wan-demo as it is shipped goes on learning, decoder and transformer; both know the same latents."""
    pipeline = WanPipeline.from_pretrained(workshop.weights / "wan-demo", dtype=torch.float32)
    plan = Plan(workshop.budget(500), muon_lr=0.01, adam_lr=1e-3, average=0.985)
    vae = sharpen(plan, pipeline.vae, workshop.folder, workshop.seed)
    plan = Plan(workshop.budget(500), muon_lr=0.012, adam_lr=1.2e-3, average=0.995)
    parts = train_wan(plan, vae, pipeline.tokenizer, workshop.folder, workshop.seed, pipeline)
    workshop.store(wan_pipeline(parts, vae, pipeline.tokenizer), "wan-demo")


def untrained(workshop: Workshop) -> None:
    """All three models with random weights: they load and render noise, enough to build an engine on."""
    torch.manual_seed(workshop.seed)
    tokenizer, other = build_tokenizer(ends_with_eos=False), build_tokenizer(ends_with_eos=True)
    parts = nn.ModuleDict({"text_encoder": gemma(len(tokenizer)), "transformer": sana_transformer()})
    teacher = sana_pipeline(parts, picture_autoencoder(), tokenizer)
    student = nn.ModuleDict({"transformer": sana_transformer(sprint=True)})
    clip_parts = nn.ModuleDict({"text_encoder": umt5(len(other)), "transformer": wan_transformer()})
    workshop.store(sprint_pipeline(student, teacher), "sprint-demo")
    workshop.store(teacher, "sana-demo")
    workshop.store(wan_pipeline(clip_parts, clip_autoencoder(), other), "wan-demo")


STAGES: dict[str, Callable[[Workshop], None]] = {
    "picture-autoencoder": learn_pictures,
    "sana": sana,
    "sprint": sprint,
    "clip-autoencoder": learn_clips,
    "clip-decoder": clip_decoder,
    "wan": wan,
}
EXTRA_STAGES: dict[str, Callable[[Workshop], None]] = {
    "wan-decoder": wan_decoder,
    "wan-longer": wan_longer,
    "untrained": untrained,
    "pair-autoencoder": pair_autoencoder,
    "pairs": pairs,
}
