"""sprint-demo: a student that jumps where sana-demo walks.

The teacher walks from noise to a picture in a few guided steps, and every point on the way is kept. From
any such point the student learns to name the end of the walk at once: the consistency that SANA-Sprint's
sampler relies on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import SanaPipeline, SanaSprintPipeline, SanaTransformer2DModel
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from farm.demo.random_source import dice
from farm.demo.scenes import random_scene
from workers.demo_models.components import sana_transformer, sprint_scheduler
from workers.demo_models.training import Plan, Training
from workers.demo_models.training_samples import first_token_twice, tokens, words

log = logging.getLogger(__name__)

BATCH = 24
WALKS = 2560
STEPS = 10
GUIDANCE = 4.5


@dataclass(frozen=True, slots=True)
class Walks:
    """What the teacher did: captions, and latents at each noise level, the finished picture last.

    latents: (walks, steps + 1, channels, rows, columns); sigmas: (steps + 1,), from 1 down to 0.
    """

    captions: list[str]
    latents: Tensor
    sigmas: Tensor


def walk(teacher: SanaPipeline, file: Path, seed: int) -> Walks:
    """Let the teacher paint `WALKS` pictures with guidance, or read those that `file` has kept."""
    rng = dice(f"walks {seed}")
    captions = [words(random_scene(rng), rng) for _ in range(WALKS)]
    if file.exists():
        kept = torch.load(file, weights_only=True)
        return Walks(captions, kept["latents"], kept["sigmas"])
    generator = torch.Generator().manual_seed(seed)
    teacher.set_progress_bar_config(disable=True)
    finished: list[Tensor] = []
    for start in range(0, WALKS, 32):
        steps = [torch.randn(32, 16, 8, 8, generator=generator)]

        def keep(pipe: SanaPipeline, step: int, time: int, state: dict[str, Tensor]) -> dict[str, Tensor]:
            steps.append(state["latents"].clone())  # noqa: B023 - called before the loop goes on
            return {}

        teacher(
            captions[start : start + 32],
            latents=steps[0],
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            height=128,
            width=128,
            use_resolution_binning=False,
            complex_human_instruction=None,
            max_sequence_length=40,
            output_type="latent",
            callback_on_step_end=keep,
        )
        finished.append(torch.stack(steps, 1))
        if len(finished) % 20 == 0:
            log.info("sprint: %d of %d walks", 32 * len(finished), WALKS)
    latents, sigmas = torch.cat(finished), teacher.scheduler.sigmas.clone()
    torch.save({"latents": latents, "sigmas": sigmas}, file)
    return Walks(captions, latents, sigmas)


def student_of(teacher: SanaTransformer2DModel) -> SanaTransformer2DModel:
    """The teacher's weights in a transformer that takes the guidance scale and counts time from 0 to 1."""
    student = sana_transformer(sprint=True)
    student.load_state_dict(teacher.state_dict(), strict=False)
    clock = student.time_embed
    clock.linear.load_state_dict(teacher.time_embed.linear.state_dict())
    clock.timestep_embedder.load_state_dict(teacher.time_embed.emb.timestep_embedder.state_dict())
    nn.init.zeros_(clock.guidance_embedder.linear_2.weight)
    nn.init.zeros_(clock.guidance_embedder.linear_2.bias)
    _fit_clock(student, teacher)
    return student


def _fit_clock(student: SanaTransformer2DModel, teacher: SanaTransformer2DModel) -> None:
    """Teach the student's clock to say at sigma what the teacher's says at 1000 sigma; a few seconds."""
    embedder = student.time_embed.timestep_embedder
    adam = torch.optim.Adam(embedder.parameters(), lr=2e-3)
    for step in range(800):
        for group in adam.param_groups:
            group["lr"] = 2e-3 * (1 - step / 800)
        sigmas = torch.rand(64)
        with torch.no_grad():
            told = teacher.time_embed(1000 * sigmas, hidden_dtype=torch.float32)[1]
        said = embedder(student.time_embed.time_proj(sigmas))
        loss = F.mse_loss(said, told)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
    log.info("sprint: clock fitted, remaining error %.5f of %.5f", float(loss.detach()), float(told.var()))


def train_sprint(plan: Plan, teacher: SanaPipeline, folder: Path, seed: int) -> nn.ModuleDict:
    """Train the student's transformer; the text encoder stays the teacher's."""
    torch.manual_seed(seed)
    rng = dice(seed)
    walks = walk(teacher, folder / "walks.pt", seed)
    parts = nn.ModuleDict({"transformer": student_of(teacher.transformer)})
    training = Training("sprint", parts, plan, folder)
    training.go_on()
    text_encoder = teacher.text_encoder.requires_grad_(False)

    def loss_at(progress: float) -> Tensor:
        chosen = torch.tensor([rng.randrange(WALKS) for _ in range(BATCH)])
        # Half of the samples start from pure noise: with one step, that jump is the whole picture.
        points = torch.where(torch.rand(BATCH) < 0.5, 0, torch.randint(0, STEPS, (BATCH,)))
        sigmas = walks.sigmas[points]
        noisy, ends = walks.latents[chosen, points], walks.latents[chosen, -1]
        ids, mask = tokens(teacher.tokenizer, [walks.captions[i] for i in chosen])
        if rng.random() < 0.5:
            ids, mask = first_token_twice(ids, mask)
        guidance = torch.full((BATCH,), 0.1 * GUIDANCE)
        with sdpa_kernel([SDPBackend.MATH]):
            with torch.no_grad():
                embedded = text_encoder(ids, attention_mask=mask)[0]
            velocity = parts["transformer"](
                noisy,
                encoder_hidden_states=embedded,
                encoder_attention_mask=mask,
                timestep=sigmas,
                guidance=guidance,
                return_dict=False,
            )[0]
        return F.smooth_l1_loss(noisy - sigmas.view(-1, 1, 1, 1) * velocity, ends, beta=0.3)

    training.run(loss_at)
    return training.average  # type: ignore[return-value]


def sprint_pipeline(parts: nn.ModuleDict, teacher: SanaPipeline) -> SanaSprintPipeline:
    """The student as the pipeline that ships, with the teacher's tokenizer, text encoder and autoencoder."""
    return SanaSprintPipeline(
        tokenizer=teacher.tokenizer,
        text_encoder=teacher.text_encoder,
        vae=teacher.vae,
        transformer=parts["transformer"],
        scheduler=sprint_scheduler(),
    )
