"""Adapters: exchanged between passes, exact, and gone without a trace."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor

from tests.workers import tiny_pipelines
from tests.workers.orders import call_pipeline, order, pixels_of, render, tiny_family, watch_latents
from tests.workers.trouble import failures
from workers.denoising.lora import Adapter, Adapters, AdapterUnfit
from workers.protocol import adapter_file

TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]


def make(folder: Path, name: str, family: str = "sana", weight: float = 1.0, rank: int = 4) -> Adapter:
    """A LoRA of random weights, as diffusers writes one."""
    pipeline = tiny_pipelines.build(family)
    torch.manual_seed(sum(name.encode()))
    config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights=False, target_modules=TARGETS)
    pipeline.transformer.add_adapter(config)
    weights = get_peft_model_state_dict(pipeline.transformer)
    pipeline.save_lora_weights(folder, transformer_lora_layers=weights, weight_name=f"{name}.safetensors")
    path = folder / f"{name}.safetensors"
    return Adapter(name, hashlib.sha256(path.read_bytes()).hexdigest(), str(path), weight)


def picture(pipeline: Any) -> Tensor:
    """What the pipeline makes of one prompt and seed."""
    made: Tensor = pipeline(
        prompt="a red circle",
        num_inference_steps=2,
        width=64,
        height=64,
        generator=torch.Generator().manual_seed(1),
        use_resolution_binning=False,
        max_sequence_length=tiny_pipelines.TOKENS,
        complex_human_instruction=None,
        output_type="latent",
    ).images
    return made


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # of the oracle
def test_a_set_gives_what_the_pipeline_gives_with_it_and_none_gives_the_model_itself(tmp_path: Path) -> None:
    first, second = make(tmp_path, "first"), make(tmp_path, "second", weight=0.3)
    oracle = tiny_pipelines.build("sana")
    plain = picture(oracle)
    for adapter in (first, second):
        oracle.load_lora_weights(tmp_path, weight_name=f"{adapter.name}.safetensors", adapter_name=adapter.name)
    oracle.set_adapters(["first", "second"], [1.0, 0.3])
    both = picture(oracle)
    oracle.set_adapters(["second"], [0.3])
    one = picture(oracle)
    assert not torch.equal(plain, both)

    pipeline = tiny_pipelines.build("sana")
    adapters = Adapters(pipeline, most=4)
    for wanted, right in (([first, second], both), ([], plain), ([second], one), ([first, second], both), ([], plain)):
        adapters.use(wanted)
        assert torch.equal(picture(pipeline), right)


def test_those_used_last_stay_loaded_and_one_that_was_unloaded_comes_back_the_same(tmp_path: Path) -> None:
    made = [make(tmp_path, f"adapter-{number}", rank=number + 1) for number in range(3)]
    pipeline = tiny_pipelines.build("sana")
    adapters = Adapters(pipeline, most=2)
    adapters.use([made[0]])
    before = picture(pipeline)
    for adapter in (made[1], made[2]):
        adapters.use([adapter])
    assert adapters.loaded == [made[1].sha256, made[2].sha256]
    adapters.use([made[0]])
    assert torch.equal(picture(pipeline), before)
    adapters.use(made)  # more than may stay: what is in use is never unloaded
    assert len(adapters.loaded) == 3


def test_an_adapter_of_another_model_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    mine, other = make(tmp_path, "mine"), make(tmp_path, "of-wan", family="wan")
    pipeline = tiny_pipelines.build("sana")
    plain = picture(pipeline)
    adapters = Adapters(pipeline, most=2)
    with pytest.raises(AdapterUnfit, match=r"'of-wan' does not fit this model: none of its 16 layers .* no such layer"):
        adapters.use([mine, other])
    assert torch.equal(picture(pipeline), plain)
    adapters.use([])
    assert torch.equal(picture(pipeline), plain)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # of the oracle
def test_each_expert_of_a_model_with_two_has_its_own_adapters_as_the_pipeline_loads_them(tmp_path: Path) -> None:
    # Given adapters of which one is for the first expert, one for the second and one for both,
    made = [make(tmp_path, name, "wan22") for name in ("of-high", "of-low", "of-both")]
    of_high, of_low, of_both = made
    family = tiny_family("wan22")
    oracle = family.pipeline.__class__(**tiny_pipelines.build("wan22").components, boundary_ratio=0.875)
    oracle.set_progress_bar_config(disable=True)
    for second, adapters in ((False, (of_both, of_high)), (True, (of_both, of_low))):
        for adapter in adapters:
            oracle.load_lora_weights(
                tmp_path,
                weight_name=f"{adapter.name}.safetensors",
                adapter_name=adapter.name,
                load_into_transformer_2=second,
            )
    oracle.transformer.set_adapters(["of-both", "of-high"], [0.3, 1.0])
    oracle.transformer_2.set_adapters(["of-both", "of-low"], [0.3, 0.6])
    # when a render asks for them, between two that ask for none,
    loras = [
        {"name": "of-both", "weight": 0.3, "sha256": of_both.sha256},
        {"name": "of-high", "weight": 1.0, "sha256": of_high.sha256, "expert": "high-noise"},
        {"name": "of-low", "weight": 0.6, "sha256": of_low.sha256, "expert": "low-noise"},
    ]
    seen = watch_latents(family)
    plain = [order(family, name) for name in ("before", "after")]
    changed = replace(
        order(family, "changed", loras=loras), inputs={adapter_file(one.sha256): one.path for one in made}
    )
    for ordered in (plain[0], changed, plain[1]):
        render(family, tmp_path, [ordered])
    # then it is what the pipeline gives with them, and the others are the model itself.
    family.pipeline = oracle
    assert torch.equal(seen["changed"], call_pipeline(family, changed.parameters, "latent"))
    assert torch.equal(seen["before"], seen["after"])
    assert not torch.equal(seen["before"], seen["changed"])
    assert all(len(adapters.loaded) == 2 for adapters in family.adapters.values())


def test_a_render_whose_adapter_does_not_fit_fails_alone_and_is_not_tried_again(tmp_path: Path) -> None:
    family = tiny_family("sana")
    wrong = make(tmp_path, "of-wan", "wan")
    lora = {"name": wrong.name, "weight": 1.0, "sha256": wrong.sha256}
    unfit = order(family, "unfit", loras=[lora])
    missing = order(family, "missing", loras=[lora])
    unfit = replace(unfit, inputs={adapter_file(wrong.sha256): wrong.path})
    said = render(family, tmp_path, [order(family, "plain"), unfit, missing])
    assert set(pixels_of(said)) == {"plain"}
    failed = failures(said)
    assert (failed["unfit"].own_fault, failed["unfit"].hopeless) == (True, True)
    assert "does not fit this model" in failed["unfit"].reason
    assert not failed["missing"].hopeless, "another worker may have the file"
