"""A LoRA is trained as a render is made: it may be interrupted anywhere, and what it leaves is a LoRA of diffusers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.workers.orders import batch, order, pixels_of, render, run, saved_paths, tiny_family, with_checkpoint
from tests.workers.training.trainings import training_order
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import FromEngine, Rendered, RenderFailed, RenderOrder, Stepped

#: Options that change what a step computes.
KINDS = {
    "plain": {},
    "with prior preservation": {"with_prior_preservation": True, "num_class_images": 3},
    "all layers, some captions left out": {
        "target_modules": ("to_q", "to_k", "to_v", "to_out.0", "conv_inverted", "conv_point"),
        "caption_dropout": 0.5,
        "weighting_scheme": "logit_normal",
    },
}


def ended(said: list[FromEngine]) -> Rendered:
    failed = [message.reason for message in said if isinstance(message, RenderFailed)]
    assert not failed, failed
    return next(message for message in said if isinstance(message, Rendered) and message.adapter_path)


def file_of(rendered: Rendered) -> bytes:
    assert rendered.adapter_path is not None
    return Path(rendered.adapter_path).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_training_that_goes_on_elsewhere_is_equal_to_undivided_training_in_each_bit(kind: str, tmp_path: Path) -> None:
    # Given what a training comes to that nobody interrupts,
    asked = training_order(tiny_family("sana"), **KINDS[kind])
    whole = ended(render(tiny_family("sana"), tmp_path, [asked]))
    expected, sheet = file_of(whole), np.load(whole.pixels_path)
    for taken in range(2, asked.parameters["num_inference_steps"], 3):
        # when another process goes on from a checkpoint of it,
        engine = Engine(tiny_family("sana"), tmp_path)
        engine.admit(batch([asked]))
        run(engine, steps=1 + taken)
        path = saved_paths(engine)["t1"]
        engine = Engine(tiny_family("sana"), tmp_path)
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


def test_the_last_sample_is_what_diffusers_renders_with_the_lora(tmp_path: Path) -> None:
    # Given a trained LoRA, whose alpha is twice its rank,
    trained = ended(render(tiny_family("sana"), tmp_path, [training_order(tiny_family("sana"))]))
    sheet = np.load(trained.pixels_path)
    # when diffusers loads it by itself and renders the prompt of the samples,
    family = tiny_family("sana")
    weights = tmp_path / "fox.safetensors"
    weights.write_bytes(file_of(trained))
    family.pipeline.load_lora_weights(str(weights))
    plain = order(family, "plain", num_inference_steps=2, sampler="euler")
    from tests.workers.orders import call_pipeline

    made = np.asarray(call_pipeline(family, plain.parameters, "np")[0])
    # then it is the sample at the end of the sheet, and not the one at its beginning.
    shown = sheet[32:64, 0:32].astype(float) / 255
    assert np.abs(made - shown).max() < 0.5 / 255 + 1e-6
    assert not np.array_equal(sheet[0:32, 0:32], sheet[32:64, 0:32])


def test_gradient_checkpointing_changes_no_gradient(tmp_path: Path) -> None:
    def trained(**changes: bool) -> dict[str, torch.Tensor]:
        family = tiny_family("sana")
        path = ended(render(family, tmp_path, [training_order(family, **changes)])).adapter_path
        return load_file(str(path))

    plain, saving = trained(), trained(gradient_checkpointing=True)
    assert all(torch.equal(plain[name], saving[name]) for name in plain)


def test_training_goes_through_all_pictures_and_makes_the_loss_smaller(tmp_path: Path) -> None:
    family = tiny_family("sana")
    said = render(family, tmp_path, [training_order(family, max_train_steps=60, validation_steps=60)])
    losses = ended(said).losses
    assert np.mean(losses[-15:]) < np.mean(losses[:15])
    assert [step.step for m in said if isinstance(m, Stepped) for step in m.steps][-1] == 64


@pytest.mark.parametrize("lacking", [True, False])
def test_what_cannot_be_trained_is_refused_in_words(lacking: bool, tmp_path: Path) -> None:
    family = tiny_family("sana" if lacking else "sana-controlnet")
    asked: RenderOrder = training_order(tiny_family("sana"))
    if lacking:
        asked.inputs.clear()
    failed = next(m for m in render(family, tmp_path, [asked]) if isinstance(m, RenderFailed))
    assert "picture" in failed.reason if lacking else "family" in failed.reason


def test_a_loss_that_is_no_number_ends_the_training_with_a_reason(tmp_path: Path) -> None:
    family: Family = tiny_family("sana")
    asked = training_order(family, learning_rate=1e30, max_grad_norm=1e30, max_train_steps=6)
    failed = next(m for m in render(family, tmp_path, [asked]) if isinstance(m, RenderFailed))
    assert "learning_rate" in failed.reason
