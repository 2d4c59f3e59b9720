"""Nodes as they come from people: in the API format, with Sana, adapters, switches, arithmetic, custom samplers."""

import json
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from farm.catalog.loading import load_catalog
from farm.catalog.supported_features import known_samplers
from farm.comfyui.model_names import KNOWN, model_of_file
from farm.comfyui.sampler_names import SAMPLERS
from farm.comfyui.translate import translate
from farm.comfyui.workflow.embedded import PNG, embedded_workflow
from farm.comfyui.workflow.expressions import evaluate
from farm.comfyui.workflow.graph import CannotRender, NotAWorkflow
from farm.comfyui.workflow.workflow_file import read_workflow
from farm.settings import load_settings
from tests.farm.comfyui.sana_graph import SANA, read


def test_a_graph_of_sana_is_a_request() -> None:
    found = read()

    assert found.fields == {
        "model": "sana-1600m-1024px",
        "prompt": "an owl (big)",
        "negative_prompt": "blurred",
        "seed": 2**64 - 1,
        "num_inference_steps": 20,
        "guidance_scale": 4.5,
        "sampler": "euler",
        "width": 1024,
        "height": 768,
    }
    assert found.notices == [], "euler on 'normal' is the farm's euler"
    assert "node 6 KSampler “the sampler”" in [str(node) for node, _ in found.nodes]


def test_switches_primitives_and_arithmetic_say_the_numbers() -> None:
    found = read(
        {
            "6": {"steps": ["20", 0], "cfg": ["21", 0], "seed": ["22", 1]},
            "20": {
                "class_type": "ComfySwitchNode",
                "inputs": {"switch": ["23", 0], "on_false": ["24", 0], "on_true": 50},
            },
            "21": {"class_type": "PrimitiveFloat", "inputs": {"value": 5.000000000000001}},
            "22": {"class_type": "ComfyMathExpression", "inputs": {"expression": "floor(a * 2) + 1", "values.a": 3.6}},
            "23": {"class_type": "ComfyNotNode", "inputs": {"value": True}},
            "24": {"class_type": "PrimitiveInt", "inputs": {"value": 12}},
        }
    )

    assert [found.fields[name] for name in ("num_inference_steps", "guidance_scale", "seed")] == [12, 5.0, 8]


def test_samplers_in_parts_adapters_and_a_batch() -> None:
    found = read(
        {
            "6": {
                "class_type": "SamplerCustomAdvanced",
                "inputs": {
                    "noise": ["20", 0],
                    "guider": ["21", 0],
                    "sampler": ["22", 0],
                    "sigmas": ["23", 0],
                    "latent_image": ["5", 0],
                },
            },
            "20": {"class_type": "RandomNoise", "inputs": {"noise_seed": 7}},
            "21": {"class_type": "BasicGuider", "inputs": {"model": ["24", 0], "conditioning": ["3", 0]}},
            "22": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "dpmpp_2m"}},
            "23": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 9, "denoise": 1}},
            "24": {"class_type": "ModelSamplingSD3", "inputs": {"shift": 4, "model": ["25", 0]}},
            "25": {
                "class_type": "LoraLoaderModelOnly",
                "inputs": {"lora_name": "ink.safetensors", "strength_model": 0.8, "model": ["1", 0]},
            },
            "5": {"batch_size": 2},
        }
    )

    assert found.fields["seeds"] == [7, 8]
    assert found.fields["flow_shift"] == 4.0
    assert (found.fields["sampler"], found.fields["guidance_scale"]) == ("dpm++-2m", 1.0)
    assert "negative_prompt" not in found.fields
    assert [(name, weight) for _, name, weight, _ in found.adapters] == [("ink.safetensors", 0.8)]


SPRINT = {"1": {"ckpt_name": "Efficient-Large-Model/Sana_Sprint_1.6B_1024px"}}
PICTURE = {"class_type": "LoadImage", "inputs": {"image": "scene.png"}}


def test_a_graph_of_sprint_is_told_its_guidance_by_a_node_of_its_own() -> None:
    found = read(
        {
            **SPRINT,
            "6": {"model": ["20", 0], "steps": 2, "cfg": 1.0, "sampler_name": "scm", "scheduler": "sgm_uniform"},
            "20": {"class_type": "ScmModelSampling", "inputs": {"cfg_scale": 4.5, "zsnr": False, "model": ["1", 0]}},
        }
    )

    asked = {"model": "sprint-1600m-1024px", "num_inference_steps": 2, "guidance_scale": 4.5, "sampler": "scm"}
    assert {name: found.fields[name] for name in asked} == asked
    assert "negative_prompt" not in found.fields


@pytest.mark.parametrize(("steps", "denoise"), [(2, 0.5), (1, 0.3), (3, 0.75), (4, 0.99), (3, 0.4)])
def test_a_picture_that_is_rendered_over_in_part_takes_as_many_steps_as_in_comfyui(steps: int, denoise: float) -> None:
    found = read(
        {
            **SPRINT,
            "6": {"steps": steps, "denoise": denoise, "cfg": 1.0, "sampler_name": "scm", "latent_image": ["20", 0]},
            "20": {"class_type": "VAEEncode", "inputs": {"pixels": ["21", 0], "vae": ["9", 0]}},
            "21": {"class_type": "ImageScale", "inputs": {"image": ["22", 0], "width": 1024, "height": 768}},
            "22": PICTURE,
        }
    )

    assert found.files == {"image": "scene.png"}
    assert (found.fields["width"], found.fields["height"]) == (1024, 768)
    whole, strength = found.fields["num_inference_steps"], found.fields["strength"]
    assert whole == max(steps, int(steps / denoise))
    # As diffusers counts them (SanaSprintImg2ImgPipeline.get_timesteps)
    assert whole - int(max(whole - min(whole * strength, whole), 0)) == steps


def test_a_picture_of_which_nothing_would_be_left_is_left_out() -> None:
    found = read({**SPRINT, "6": {"latent_image": ["20", 0]}, "20": {"class_type": "VAEEncode", "inputs": {
        "pixels": ["22", 0]}}, "22": PICTURE})  # fmt: skip
    assert found.files == {}
    assert "strength" not in found.fields
    assert any("nothing of its picture is left" in notice for notice in found.notices)


def test_a_control_picture_is_followed() -> None:
    applied = {"positive": ["3", 0], "negative": ["4", 0], "control_net": ["21", 0], "image": ["22", 0]}
    found = read(
        {
            "6": {"positive": ["20", 0], "negative": ["20", 1]},
            "20": {
                "class_type": "ControlNetApplyAdvanced",
                "inputs": {**applied, "strength": 0.7, "start_percent": 0.0, "end_percent": 1.0},
            },
            "21": {
                "class_type": "ControlNetLoader",
                "inputs": {"control_net_name": "Sana_1600M_1024px_BF16_ControlNet_HED.safetensors"},
            },
            "22": PICTURE,
        }
    )

    asked = {
        "model": "sana-1600m-1024px-controlnet-hed",
        "controlnet_conditioning_scale": 0.7,
        "prompt": "an owl (big)",
    }
    assert {name: found.fields[name] for name in asked} == asked
    assert found.fields["negative_prompt"] == "blurred"
    assert found.files == {"control_image": "scene.png"}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"6": {"sampler_name": "res_multistep"}}, "node 6 KSampler", "no sampler that means 'res_multistep'"),
        ({"6": {"scheduler": "beta"}}, "node 6 KSampler", "no schedule 'beta'"),
        ({"6": {"denoise": 0.5}}, "node 6 KSampler", "denoise is 0.5"),
        ({"6": {"steps": "many"}}, "node 6 KSampler", "steps is 'many'"),
        ({"6": {"model": ["99", 0]}}, "node 6 KSampler", "node 99 is not in the graph"),
        ({"1": {"ckpt_name": "sd15.safetensors"}}, "node 1 SanaCheckpointLoader", "sd15.safetensors is no model"),
        ({"7": {"samples": ["5", 0]}}, "node 5 EmptySanaLatentImage", "is no sampler that the farm has"),
        ({"8": {"images": ["8", 0]}}, "node 8 SaveImage", "makes or changes pictures"),
        (
            {"6": {"steps": ["20", 0]}, "20": {"class_type": "ComfySwitchNode", "inputs": {"switch": ["20", 0]}}},
            "node 20 ComfySwitchNode",
            "circle",
        ),
    ],
)
def test_what_cannot_be_rendered_names_the_node(change: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(CannotRender) as refused:
        read(change)

    assert any(fault.field.startswith(field) and words in fault.message for fault in refused.value.faults)


def test_what_the_user_says_goes_before_the_graph_and_its_faults() -> None:
    found = read(
        {"6": {"sampler_name": "res_multistep"}, "1": {"ckpt_name": "mine.safetensors"}}, {"sampler", "model", "seeds"}
    )

    assert not {"sampler", "model", "seed", "seeds"} & found.fields.keys()


def test_a_picture_of_comfyui_has_its_graph_in_it() -> None:
    texts = PngInfo()
    texts.add_text("workflow", "{}")
    texts.add_text("prompt", json.dumps(SANA))
    files = [BytesIO(), BytesIO()]
    Image.new("RGB", (4, 4)).save(files[0], "PNG", pnginfo=texts)
    Image.new("RGB", (4, 4)).save(files[1], "PNG")

    assert translate(read_workflow(embedded_workflow(files[0].getvalue()))).fields == read().fields
    for picture in (files[1].getvalue(), files[0].getvalue()[:30], PNG):
        with pytest.raises(NotAWorkflow):
            embedded_workflow(picture)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": 1}', "[" * 5000, '{"1": {"class_type": 1, "inputs": 3}}'])
def test_what_is_no_workflow_is_refused_in_words(text: str) -> None:
    with pytest.raises((NotAWorkflow, CannotRender)):
        translate(read_workflow(text))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("floor(a * b) + 1", 81),
        ("a & ~1", 4),
        ("(a % 4 == 1) and not (b < 3)", True),
        ("min(max(a, b), 8) // 3", 2),
        ("a if a > b else b", 16),
    ],
)
def test_arithmetic(expression: str, value: float) -> None:
    assert evaluate(expression, {"a": 5, "b": 16}) == value


@pytest.mark.parametrize("expression", ["", "a.b", "__import__('os')", "c + 1", "1 / 0", "'a' * 9", "9 ** 9 ** 9"])
def test_nothing_but_arithmetic_is_computed(expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        evaluate(expression, {"a": 5})


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("Wan2_1-T2V-14B_fp8_e4m3fn.safetensors", "wan21-t2v-14b"),
        ("wan/wan2.1-i2v-14b-720p-Q4_K_M.gguf", "wan21-i2v-14b-720p"),
        ("SANA1.5_4.8B_1024px.pth", "sana15-4800m-1024px"),
        ("wan2.1_vace_14B_fp16.safetensors", "wan21-vace-14b"),
        ("Wan2_1-I2V-ATI-14B_fp8_e4m3fn.safetensors", None),
        ("wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors", "wan22-t2v-a14b"),
        ("Wan2.2-I2V-A14B-LowNoise-Q4_K_M.gguf", "wan22-i2v-a14b"),
        ("wan2.1_t2v_14b_scaled_fp8_e4m3_lightx2v_4step_comfyui.safetensors", "wan21-t2v-14b-4step"),
        ("wan2.2_i2v_A14b_low_noise_int8_lightx2v_4step.safetensors", "wan22-i2v-a14b-4step"),
        ("Wan2_2-Animate-14B_fp8_e4m3fn_scaled_KJ.safetensors", "wan22-animate-14b"),
        ("Efficient-Large-Model/Sana_Sprint_1.6B_1024px", "sprint-1600m-1024px"),
    ],
)
def test_a_file_is_known_by_its_name_in_whatever_precision(file: str, model: str | None) -> None:
    assert model_of_file(file) == model


def test_all_that_graphs_are_mapped_to_exists() -> None:
    assert set(load_catalog(load_settings(variables={}), {}).models) >= KNOWN
    assert {meant.sampler for meant in SAMPLERS.values()} <= set(known_samplers())
