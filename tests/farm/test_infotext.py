"""The text that other tools read: LoRAs by the names of their files, files by their hashes on Civitai."""

import json
import re
from typing import Any

from farm.manifest import model_hash, summary_line

PARAMETERS: dict[str, Any] = {
    "prompt": "a red circle",
    "seed": 7,
    "num_inference_steps": 20,
    "guidance_scale": 4.5,
    "sampler": "euler",
    "width": 128,
    "height": 128,
}


def lora(number: int, file: str | None, weight: float = 0.8) -> dict[str, Any]:
    return {"name": f"id-{number}", "weight": weight, "sha256": str(number) * 64, "key": None, "file": file}


def test_loras_stand_by_their_files_in_prompt_and_hashes() -> None:
    parameters = {**PARAMETERS, "loras": [lora(1, "ink sketch"), lora(2, "多彩", -1), lora(3, None, 1)]}
    hashes = {"1" * 64: "0123456789ab", "2" * 64: "cdef01234567"}
    prompt, fields = summary_line(parameters, "sana-demo", model_hash="0a1b2c3d4e", lora_hashes=hashes).splitlines()
    assert prompt == "a red circle <lora:ink sketch:0.8> <lora:多彩:-1> <lora:id-3:1>"
    assert "Model hash: 0a1b2c3d4e, Model: sana-demo," in fields
    quoted = re.search(r'Lora hashes: ("(?:\\.|[^"\\])*")', fields)
    assert quoted is not None
    assert json.loads(quoted[1]) == "ink sketch: 0123456789ab, 多彩: cdef01234567"


def test_a_name_holds_nothing_that_would_end_it() -> None:
    parameters = {**PARAMETERS, "loras": [lora(1, 'a:b,c<d>"e\\f')]}
    text = summary_line(parameters, "sana-demo", lora_hashes={"1" * 64: "0123456789ab"})
    assert "<lora:abcdef:0.8>" in text
    assert 'Lora hashes: "abcdef: 0123456789ab"' in text


def test_without_loras_and_hashes_nothing_is_said_of_them() -> None:
    text = summary_line(PARAMETERS, "sana-demo")
    assert "hash" not in text


def test_the_hash_of_a_model_is_that_of_the_one_file_that_holds_the_diffusion_model() -> None:
    one = {"transformer/diffusion_pytorch_model.safetensors": "ab" * 32, "vae/model.safetensors": "cd" * 32}
    assert model_hash(one) == "ababababab"
    two = {f"transformer/model-0000{part}-of-00002.safetensors": "ab" * 32 for part in (1, 2)}
    assert model_hash(two) is None


def test_the_sheet_of_a_training_says_the_steps_of_training_and_those_of_its_samples() -> None:
    training = {"max_train_steps": 300, "validation_inference_steps": 20}
    parameters = {**PARAMETERS, "num_inference_steps": 440, "training": training}
    fields = summary_line(parameters, "sana-demo").splitlines()[-1]
    assert fields.startswith("Steps: 20, Training steps: 300, ")
    assert "440" not in fields
