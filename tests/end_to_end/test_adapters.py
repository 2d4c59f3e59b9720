"""A LoRA through the whole farm: uploaded, rendered with, repeated from its manifest, removed."""

from pathlib import Path

import pytest
import torch
from diffusers import SanaPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

import workers.demo_models
from farm.client import FarmProblem
from tests.end_to_end.farms import RunningFarm
from tests.end_to_end.test_outputs import told_by
from workers.agent.lora_files import civitai_hash

pytestmark = pytest.mark.long

WEIGHTS = Path(workers.demo_models.__file__).parent / "weights" / "sana-demo"
#: Of a size that no other test of the shared farm renders: what is learnt of batches here is nobody else's.
ASKED = {
    "prompt": "a red circle on a blue background",
    "seed": 7,
    "width": 160,
    "height": 128,
    "num_inference_steps": 4,
    "deterministic": True,
}


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of random weights for the demo model."""
    pipeline = SanaPipeline.from_pretrained(WEIGHTS)
    torch.manual_seed(3)
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    pipeline.transformer.add_adapter(LoraConfig(r=4, lora_alpha=4, init_lora_weights=False, target_modules=targets))
    folder = tmp_path_factory.mktemp("lora")
    layers = get_peft_model_state_dict(pipeline.transformer)
    pipeline.save_lora_weights(folder, transformer_lora_layers=layers, weight_name="ink.safetensors")
    return folder / "ink.safetensors"


def test_an_uploaded_adapter_changes_the_picture_as_strongly_as_asked_and_the_manifest_repeats_it(
    farm: RunningFarm, lora: Path
) -> None:
    uploaded = farm.client.add_input(lora)
    assert (uploaded.width, farm.client.add_input(lora).id) == (None, uploaded.id)
    assert uploaded.adapter is not None
    assert (uploaded.adapter.rank, uploaded.adapter.layers) == (4, 48)
    fits = [(fit.model, fit.applied) for fit in uploaded.adapter.fits]
    assert fits == [("sana-demo", 48), ("sana-pair-demo", 48), ("sprint-demo", 48)]

    outputs = {}
    for weight in (None, 0.0, 0.5, 1.0):
        loras = {} if weight is None else {"loras": [{"name": uploaded.id, "weight": weight}]}
        job = farm.submit_and_wait("sana-demo", **ASKED, **loras)
        [render] = farm.renders(job.id)
        outputs[weight] = farm.file(render.id, "output")
        last = render.id

    assert outputs[0.0] == outputs[None], "an adapter of no weight leaves no trace"
    assert len(set(outputs.values())) == 3
    [kept] = farm.manifest(last)["parameters"]["loras"]
    assert (kept["name"], kept["weight"], kept["sha256"]) == (uploaded.id, 1.0, uploaded.sha256)
    assert (kept["applied"], kept["layers"]) == (48, 48)
    assert b"<lora:ink:1>" in outputs[1.0]
    civitai = civitai_hash(lora)
    assert farm.manifest(last)["lora_hashes"] == {uploaded.sha256: civitai}
    assert f'Lora hashes: "ink: {civitai}"'.encode() in outputs[1.0]
    assert b"Model hash: " in outputs[None]
    lacking = told_by(farm, "verify", last)
    assert (lacking.returncode, "give its file" in lacking.stderr) == (2, True), lacking
    verified = told_by(farm, "verify", last, "--input", str(lora))
    assert "same bytes" in verified.stdout, verified

    farm.client.remove_input(uploaded.id)
    with pytest.raises(FarmProblem, match="no adapter"):
        farm.client.submit("sana-demo", "a red circle", loras=[{"name": uploaded.id}])
