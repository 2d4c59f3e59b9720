"""Wan2.2 as ComfyUI drives it: two samplers share the way, each with an expert, adapters and guidance of its own."""

from typing import Any

import pytest

from farm.comfyui.workflow.graph import CannotRender
from tests.farm.comfyui.sana_graph import read


def experts(**changes: Any) -> dict[str, dict[str, Any]]:
    """Wan2.2 as ComfyUI drives it; changes are of the second sampler."""
    both = {"steps": 4, "sampler_name": "euler", "scheduler": "simple", "positive": ["3", 0], "negative": ["4", 0]}
    first = {"add_noise": "enable", "noise_seed": 7, "start_at_step": 0, "end_at_step": 2, "cfg": 3.5}
    second = {"add_noise": "disable", "noise_seed": 0, "start_at_step": 2, "end_at_step": 10_000, "cfg": 1.0}
    graph: dict[str, dict[str, Any]] = {
        "5": {"class_type": "EmptyHunyuanLatentVideo", "inputs": {"width": 640, "height": 640, "length": 81}},
        "20": {
            "class_type": "KSamplerAdvanced",
            "inputs": {**both, **first, "return_with_leftover_noise": "enable", "model": ["30", 0],
                       "latent_image": ["5", 0]},
        },
        "6": {
            "class_type": "KSamplerAdvanced",
            "inputs": {**both, **second, "return_with_leftover_noise": "disable", "model": ["31", 0],
                       "latent_image": ["20", 0], **changes},
        },
    }  # fmt: skip
    for place, (expert, lora) in enumerate([("high", "fast_high"), ("low", "fast_low")]):
        graph[str(30 + place)] = {
            "class_type": "ModelSamplingSD3", "inputs": {"shift": 5.0, "model": [str(32 + place), 0]}
        }  # fmt: skip
        adapter = {"lora_name": f"{lora}.safetensors", "strength_model": 1.0, "model": [str(34 + place), 0]}
        graph[str(32 + place)] = {"class_type": "LoraLoaderModelOnly", "inputs": adapter}
        file = f"wan2.2_t2v_{expert}_noise_14B_fp8_scaled.safetensors"
        graph[str(34 + place)] = {"class_type": "UNETLoader", "inputs": {"unet_name": file}}
    return graph


def test_two_samplers_that_share_the_way_are_two_experts_with_adapters_and_guidance_of_their_own() -> None:
    found = read(experts())

    asked = {"model": "wan22-t2v-a14b", "seed": 7, "guidance_scale": 3.5, "guidance_scale_2": 1.0, "flow_shift": 5.0}
    assert {name: found.fields[name] for name in asked} == asked
    assert [(name, expert) for _, name, _, expert in found.adapters] == [
        ("fast_high.safetensors", "high-noise"),
        ("fast_low.safetensors", "low-noise"),
    ]
    assert not any("the farm at" in notice for notice in found.notices), "it changes at the very step"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start_at_step": 3}, "together that is not one whole way"),
        ({"end_at_step": 3}, "together that is not one whole way"),
        ({"sampler_name": "heun"}, "its sampler_name are not those of node 20"),
        ({"positive": ["4", 0]}, "its prompts are not those of node 20"),
        ({"model": ["30", 0]}, "is not the low-noise expert"),
        ({"latent_image": ["5", 0]}, "takes only steps 2 to 4 of 4"),
    ],
)
def test_two_samplers_that_are_not_one_way_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CannotRender) as refused:
        read(experts(**changes))
    assert any(words in fault.message for fault in refused.value.faults), refused.value.faults


def test_a_change_of_experts_far_from_the_models_boundary_is_refused_with_the_step_that_would_do() -> None:
    graph = experts(start_at_step=15, steps=20)
    graph["20"]["inputs"] |= {"end_at_step": 15, "steps": 20}
    with pytest.raises(CannotRender) as refused:
        read(graph)
    assert [fault.field for fault in refused.value.faults] == ["node 20 KSamplerAdvanced"]
    assert "at step 15 of 20, the farm at 9" in refused.value.faults[0].message


def test_one_expert_alone_is_not_rendered_as_both() -> None:
    with pytest.raises(CannotRender) as refused:
        read({"1": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan2.2_t2v_low_noise_14B_fp16.safetensors"}}})
    assert "no sampler has the other" in refused.value.faults[0].message
