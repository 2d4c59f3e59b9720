"""The manifest of a render: everything that is needed to render it again, and what came out.

A manifest never names a neighbour. What other renders of a pass contain changes nothing in this one; how many there
were, and its own row among them, does (floating-point sums run in another order), so each step records both.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import farm
from farm.errors import Fault, InvalidRequest, in_words
from farm.params.sizes import Cropper

_ENDING = str.maketrans("", "", ':,<>"\\')


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFacts(_Part):
    """Which weights: the catalog's name, where they came from, and the sha256 of every weight file."""

    name: str
    family: str
    source: str
    revision: str | None
    precision: str
    weight_sha256: dict[str, str]


class StepFacts(_Part):
    """One pass through the transformer: the track's timestep, and who was in it by number, never by name.

    `guided` of the `batch_size` tracks had classifier-free guidance; this one was the `row`-th of them all. In a pass
    that is `left_out` the step cache of a `fast` render spared some of the transformer's blocks. `text_tokens` is how
    long all prompts of the pass were padded to be, where that was not the model's constant.
    """

    timestep: float
    sigma: float | None
    batch_size: int
    row: int
    guided: int
    left_out: bool = False
    text_tokens: int | None = None


class Environment(_Part):
    """What can change the last bits of a floating-point sum."""

    device: str
    torch_threads: int
    versions: dict[str, str]


class OutputFacts(_Part):
    """The file that was stored: `sha256` is of its bytes, `pixels_sha256` of the uint8 array that the model made."""

    filename: str
    content_type: str
    size: int
    sha256: str
    pixels_sha256: str


class Manifest(_Part):
    """The manifest itself, stored as `manifest.json` beside the output."""

    schema_version: Literal[1] = 1
    farm_version: str = farm.__version__
    render_id: str
    job_id: str
    index: int
    attempt: int
    model: ModelFacts
    parameters: dict[str, Any]
    lora_hashes: dict[str, str] = {}  # sha256 of the file of each LoRA → its hash on Civitai
    rendered_width: int
    rendered_height: int
    rendered_frames: int
    cropped_by: Cropper | None = None  # where another size is rendered than asked; None in manifests before this field
    steps: list[StepFacts]
    decode_batch_size: int
    decode_row: int
    environment: Environment
    output: OutputFacts
    source_type: str | None = None  # IPTC's term that the output holds; None: it says nothing of it
    plugins: dict[str, str] = {}  # that made the output from the pixels or scored it → their package and its version
    score: float | None = None
    objection: str | None = None  # what the farm's safety checker said of an output that is marked, not withheld
    gpu_seconds: float
    finished_at: str  # ISO 8601, UTC


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises InvalidRequest where it is none, and OSError where it cannot be read."""
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults = [
            Fault("/".join(["", *map(str, found["loc"])]), in_words(found["msg"]))
            for found in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidRequest(faults, f"{path} is no manifest that this farm reads.") from error


def summary_line(
    parameters: dict[str, Any],
    model: str,
    *,
    model_hash: str | None = None,
    lora_hashes: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The parameters as people paste them into other tools: the three-line text that A1111 writes into a PNG.

    `model_hash` and `lora_hashes` (by the sha256 of the file) are as Civitai knows the files.
    """
    loras = parameters.get("loras") or []
    adapters = [f"<lora:{_called(adapter)}:{adapter['weight']:g}>" for adapter in loras]
    hashes = [f"{_called(lora)}: {lora_hashes[lora['sha256']]}" for lora in loras if lora["sha256"] in lora_hashes]
    lines = [" ".join([str(parameters["prompt"]), *adapters])]
    if parameters.get("negative_prompt"):
        lines.append(f"Negative prompt: {parameters['negative_prompt']}")
    training = parameters.get("training") or {}
    fields = {
        "Steps": training["validation_inference_steps"] if training else parameters["num_inference_steps"],
        "Training steps": training.get("max_train_steps"),  # the picture is the sheet of its samples
        "Sampler": parameters["sampler"],
        "CFG scale": parameters["guidance_scale"],
        "Seed": parameters["seed"],
        "Size": f"{parameters['width']}x{parameters['height']}",
        "Frames": parameters.get("num_frames"),
        "Step cache": _step_cache(parameters.get("step_cache")),
        "Model hash": model_hash,
        "Model": model,
        "Lora hashes": json.dumps(", ".join(hashes), ensure_ascii=False) if hashes else None,
        "Version": f"latent-farm {farm.__version__}",
    }
    lines.append(", ".join(f"{name}: {value}" for name, value in fields.items() if value is not None))
    return "\n".join(lines)


def model_hash(weight_sha256: Mapping[str, str]) -> str | None:
    """What Civitai calls AutoV2: the first ten digits of the sha256 of the file that holds the diffusion model.

    None where several files hold it: no single file could be found there.
    """
    found = [sha256 for path, sha256 in weight_sha256.items() if path.startswith("transformer/")]
    return found[0][:10] if len(found) == 1 else None


def _called(adapter: Mapping[str, Any]) -> str:
    """A LoRA by the name of its file, as A1111 has it, without what would end the name in its text."""
    return str(adapter.get("file") or adapter["name"]).translate(_ENDING)


def _step_cache(step_cache: dict[str, Any] | None) -> str | None:
    return f"{step_cache['kind']} {step_cache['threshold']:g}" if step_cache else None
