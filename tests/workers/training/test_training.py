"""A LoRA is trained as a render is made: it may be interrupted anywhere, and what it leaves is a LoRA of diffusers."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image, ImageOps
from safetensors.torch import load_file

from farm.params.training.trained_families import TRAINED
from tests.workers import tiny_pipelines
from tests.workers.matrix import one_in
from tests.workers.orders import (
    batch,
    call_pipeline,
    order,
    pixels_of,
    render,
    run,
    saved_paths,
    tiny_family,
    with_checkpoint,
)
from tests.workers.pictures import clip_pixels
from tests.workers.tiny_wan import BOUNDARY
from tests.workers.training.trainings import clips, training_order
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import FromEngine, Rendered, RenderFailed, RenderOrder, Stepped
from workers.training import optimizers
from workers.training.draws import generator
from workers.training.result import _scaled

#: Options that change what a step computes, each with the family that is trained so.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("sana", {}),
    "with prior preservation": ("sana", {"with_prior_preservation": True, "num_class_images": 3}),
    "all layers, some captions left out": (
        "sana",
        {
            "target_modules": TRAINED["sana"].target_modules(everywhere=True),
            "caption_dropout": 0.5,
            "weighting_scheme": "logit_normal",
            "lr_scheduler": "cosine",
        },
    ),
    "in 8 bits": ("sana", {"optimizer": "adamw-8bit", "rank": 256}),
    "SANA-Video, from clips and pictures": (
        "sana-video",
        {"clips": clips(), "target_modules": TRAINED["sana-video"].target_modules(everywhere=True)},
    ),
    "Wan, from clips and pictures": (
        "wan",
        {"clips": clips(), "target_modules": TRAINED["wan"].target_modules(everywhere=True), "train_batch_size": 3},
    ),
    "Wan, with prior preservation": ("wan", {"clips": clips(), "pictures": (), "with_prior_preservation": True}),
    "the noisy expert of Wan 2.2": ("wan22", {"clips": clips(), "pictures": (), "expert": "high-noise"}),
    "the other expert of Wan 2.2": ("wan22", {"clips": clips(), "pictures": (), "expert": "low-noise"}),
    "Wan 2.2 5B": ("wan22-ti2v", {"clips": clips(), "pictures": ()}),
    "Wan from first frames": (
        "wan-i2v",
        {"clips": clips(), "pictures": (), "target_modules": TRAINED["wan-i2v"].target_modules(everywhere=True)},
    ),
    "an expert from first frames": ("wan22-i2v", {"clips": clips(), "pictures": (), "expert": "low-noise"}),
}
#: The same that diffusers renders with.
RENDERED = (
    "plain",
    "Wan, from clips and pictures",
    "the noisy expert of Wan 2.2",
    "the other expert of Wan 2.2",
    "Wan 2.2 5B",
    "SANA-Video, from clips and pictures",
    "Wan from first frames",
    "an expert from first frames",
)


def ended(said: list[FromEngine]) -> Rendered:
    failed = [message.reason for message in said if isinstance(message, RenderFailed)]
    assert not failed, failed
    return next(message for message in said if isinstance(message, Rendered) and message.adapter_path)


def file_of(rendered: Rendered) -> bytes:
    assert rendered.adapter_path is not None
    return Path(rendered.adapter_path).read_bytes()


@pytest.mark.parametrize("kind", one_in(2, [(kind,) for kind in KINDS]))
def test_training_that_goes_on_elsewhere_is_equal_to_undivided_training_in_each_bit(kind: str, tmp_path: Path) -> None:
    # Given what a training comes to that nobody interrupts,
    name, changes = KINDS[kind]
    asked = training_order(tiny_family(name), **changes)
    whole = ended(render(tiny_family(name), tmp_path, [asked]))
    expected, sheet = file_of(whole), np.load(whole.pixels_path)
    for taken in range(2, asked.parameters["num_inference_steps"], 3):
        # when another process goes on from a checkpoint of it,
        engine = Engine(tiny_family(name), tmp_path)
        engine.admit(batch([asked]))
        run(engine, steps=1 + taken)
        path = saved_paths(engine)["t1"]
        engine = Engine(tiny_family(name), tmp_path)
        engine.admit(batch([with_checkpoint(asked, path)]))
        rest = ended(run(engine))
        # then the LoRA, its losses and the samples are the same, and it did not begin anew.
        assert rest.first_step == taken
        assert file_of(rest) == expected
        assert rest.losses == whole.losses
        assert len(rest.losses) == 4
        assert np.array_equal(np.load(rest.pixels_path), sheet)


def test_training_that_is_parked_for_others_is_the_same_and_so_are_they(tmp_path: Path) -> None:
    # Given a training and a render, each alone,
    family = tiny_family("sana")
    asked = training_order(family)
    expected = file_of(ended(render(tiny_family("sana"), tmp_path, [asked])))
    urgent = order(family, "urgent")
    alone = pixels_of(render(tiny_family("sana"), tmp_path, [urgent]))["urgent"]
    # when the render comes while the training is parked, in its midst,
    engine = Engine(family, tmp_path)
    engine.admit(batch([asked]))
    run(engine, steps=6)
    engine.park(["t1"])
    engine.admit(batch([urgent], "b2"))
    said = run(engine)
    engine.resume(["t1"])
    said += run(engine)
    # then both are what they are alone: nothing of the LoRA is in the picture.
    assert np.array_equal(pixels_of(said)["urgent"], alone)
    assert file_of(ended(said)) == expected


def test_renders_beside_a_training_take_turns_with_it_and_see_nothing_of_it(tmp_path: Path) -> None:
    family = tiny_family("sana")
    beside = order(family, "beside", num_inference_steps=12)
    alone = pixels_of(render(tiny_family("sana"), tmp_path, [beside]))["beside"]
    said = render(family, tmp_path, [training_order(family), beside])
    assert np.array_equal(pixels_of(said)["beside"], alone)
    assert len(ended(said).losses) == 4


@pytest.mark.parametrize("kind", RENDERED)
def test_the_last_sample_is_what_diffusers_renders_with_the_lora(kind: str, tmp_path: Path) -> None:
    # Given a trained LoRA, whose alpha is twice its rank,
    name, changes = KINDS[kind]
    trained = ended(render(tiny_family(name), tmp_path, [training_order(tiny_family(name), **changes)]))
    sheet = np.load(trained.pixels_path)
    # when diffusers loads it by itself and renders the prompt of the samples,
    family = tiny_family(name)
    weights = tmp_path / "fox.safetensors"
    weights.write_bytes(file_of(trained))
    other = {"load_into_transformer_2": True} if changes.get("expert") == "low-noise" else {}
    family.pipeline.load_lora_weights(str(weights), **other)
    plain = order(family, "plain", num_inference_steps=2, sampler="euler")
    made = np.asarray(call_pipeline(family, plain.parameters, "np")[0])
    # then it is the sample at the end of the sheet, and not the one at its beginning.
    first, last = sheet[..., 0:32, 0:32, :], sheet[..., 32:64, 0:32, :]
    assert made.shape == last.shape
    assert np.abs(made - last.astype(float) / 255).max() < 0.5 / 255 + 1e-6
    assert not np.array_equal(first, last)


def test_gradient_checkpointing_changes_no_gradient(tmp_path: Path) -> None:
    def trained(**changes: bool) -> dict[str, torch.Tensor]:
        family = tiny_family("sana")
        path = ended(render(family, tmp_path, [training_order(family, **changes)])).adapter_path
        return load_file(str(path))

    plain, saving = trained(), trained(gradient_checkpointing=True)
    assert all(torch.equal(plain[name], saving[name]) for name in plain)


@pytest.mark.parametrize("name", ["sana", "wan"])
def test_training_goes_through_all_examples_and_makes_the_loss_smaller(name: str, tmp_path: Path) -> None:
    family = tiny_family(name)
    changes = {"clips": clips(), "pictures": ()} if name == "wan" else {}
    said = render(family, tmp_path, [training_order(family, max_train_steps=60, validation_steps=60, **changes)])
    losses = ended(said).losses
    assert np.mean(losses[-15:]) < np.mean(losses[:15])
    assert [step.step for m in said if isinstance(m, Stepped) for step in m.steps][-1] == 64


@pytest.mark.parametrize("name", ["wan", "wan-i2v", "wan22-i2v", "sana-video"])
def test_the_loss_is_that_of_the_transformer_asked_by_hand(name: str, tmp_path: Path) -> None:
    # Given the first step of a training from one clip, whose LoRA changes nothing yet,
    family, expert = tiny_family(name), {"expert": "high-noise"} if name == "wan22-i2v" else {}
    changes = {"clips": clips()[:1], "pictures": (), "train_batch_size": 1, "max_train_steps": 1} | expert
    asked = training_order(family, **changes)
    loss = ended(render(family, tmp_path, [asked])).losses[0]
    # when the clip's latents are noised and the transformer is asked as diffusers' scripts do it,
    pipeline, seed = tiny_family(name).pipeline, asked.parameters["seed"]
    frames = [Image.fromarray(pixels) for pixels in clip_pixels(1)[0:10:2]]  # 16 frames a second, at 8
    cut = [ImageOps.fit(frame, (32, 32), Image.Resampling.LANCZOS) for frame in frames]
    chance = generator(seed, "step", 0)
    schedule = FlowMatchEulerDiscreteScheduler(shift=asked.parameters["flow_shift"])
    noisiest = [place for place in range(1000) if not expert or schedule.timesteps[place] >= 1000 * BOUNDARY]
    with torch.no_grad():
        pixels = pipeline.video_processor.preprocess_video(cut, height=32, width=32)
        clean = latents_of(pipeline, pixels)
        place = noisiest[int(torch.rand(1, generator=chance) * len(noisiest))]
        noise = torch.randn(clean.shape, generator=chance)
        sigma, timestep = schedule.sigmas[place], schedule.timesteps[place].view(1)
        asks = {"do_classifier_free_guidance": False, "max_sequence_length": tiny_pipelines.TOKENS}
        words, mask, *_ = (*pipeline.encode_prompt("a red fox runs", **asks), None)
        seen, beside = (1 - sigma) * clean + sigma * noise, {}
        if name == "sana-video":
            beside["encoder_attention_mask"] = mask
        if name.endswith("i2v"):
            # Four channels say that the first of the two latent frames is given; then that frame, and grey behind it.
            given = torch.zeros(1, 4, *clean.shape[2:])
            given[:, :, 0] = 1
            first = latents_of(pipeline, torch.cat([pixels[:, :, :1], torch.zeros_like(pixels[:, :, 1:])], dim=2))
            seen = torch.cat([seen, given, first], dim=1)
        if name == "wan-i2v":
            beside["encoder_hidden_states_image"] = pipeline.encode_image(cut[0], "cpu")
        said = pipeline.transformer(seen, timestep=timestep, encoder_hidden_states=words, return_dict=False, **beside)[
            0
        ]
    # then it is that loss.
    assert loss == pytest.approx(float(((said - (noise - clean)) ** 2).mean()), rel=1e-5)


def latents_of(pipeline: Any, pixels: torch.Tensor) -> torch.Tensor:
    """A clip as Wan's VAE makes latents of it, by the statistics that it brings."""
    mean, deviation = (torch.tensor(getattr(pipeline.vae.config, name)) for name in ("latents_mean", "latents_std"))
    found = pipeline.vae.encode(pixels).latent_dist.mode()
    return (found - mean.view(1, -1, 1, 1, 1)) / deviation.view(1, -1, 1, 1, 1)


def test_each_clip_is_learnt_from_its_own_first_frame(tmp_path: Path) -> None:
    # Given two clips that begin with other frames,
    family = tiny_family("wan-i2v")
    seen: list[torch.Tensor] = []
    family.pipeline.transformer.register_forward_pre_hook(
        lambda _module, _args, told: seen.append(told["hidden_states"].detach()), with_kwargs=True
    )
    # when both are in a step,
    ended(render(family, tmp_path, [training_order(family, clips=clips(), pictures=(), max_train_steps=1)]))
    # then the model is shown another first frame with each, and in the samples the picture that was given for them.
    [step] = [each for each in seen if len(each) == 2]
    sample = seen[0]
    shown = [step[0, -16:], step[1, -16:], sample[0, -16:]]
    assert not any(torch.allclose(one, other) for one, other in itertools.combinations(shown, 2))


def test_a_sheet_of_large_clips_is_one_that_players_take() -> None:
    assert _scaled(np.zeros((5, 480, 832, 3), np.uint8), 4, 4).shape == (5, 276, 480, 3)
    assert _scaled(np.zeros((5, 64, 64, 3), np.uint8), 2, 1).shape == (5, 64, 64, 3)


@pytest.mark.parametrize("lacking", [True, False])
def test_what_cannot_be_trained_is_refused_in_words(lacking: bool, tmp_path: Path) -> None:
    family = tiny_family("sana" if lacking else "sana-controlnet")
    asked: RenderOrder = training_order(tiny_family("sana"))
    if lacking:
        asked.inputs.clear()
    failed = next(m for m in render(family, tmp_path, [asked]) if isinstance(m, RenderFailed))
    assert "picture" in failed.reason if lacking else "family" in failed.reason


def test_8_bits_without_the_package_for_them_are_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimizers, "find_spec", lambda name: None)
    family = tiny_family("sana")
    said = render(family, tmp_path, [training_order(family, optimizer="adamw-8bit")])
    failed = next(m for m in said if isinstance(m, RenderFailed))
    assert "pip install 'latent-farm[quantization]'" in failed.reason
    assert "or take the optimizer adamw" in failed.reason


def test_a_loss_that_is_no_number_ends_the_training_with_a_reason(tmp_path: Path) -> None:
    family: Family = tiny_family("sana")
    asked = training_order(family, learning_rate=1e30, max_grad_norm=1e30, max_train_steps=6)
    failed = next(m for m in render(family, tmp_path, [asked]) if isinstance(m, RenderFailed))
    assert "learning_rate" in failed.reason
