"""ComfyUI's text-to-video graphs of Wan render through the whole farm as tiny models, with the values they hold."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comfyui_workflow_templates_json
import imageio_ffmpeg
import pytest
from typer.testing import CliRunner

from farm.cli import build_app
from tests.end_to_end.farms import RunningFarm
from tests.end_to_end.tiny_models import tiny_entry, tiny_farm
from tests.workers.denoising.test_lora import make

pytestmark = pytest.mark.long

TEMPLATES = Path(comfyui_workflow_templates_json.__file__).parent / "templates"
#: What is too large for a tiny model is said on the command line, where it goes before the graph.
SMALL = ("--width", "64", "--height", "64", "--frames", "9")
LORA = "Wan21_CausVid_14B_T2V_lora_rank32"


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    folder = tmp_path_factory.mktemp("comfyui")
    models: dict[str, Any] = {}
    for family in ("wan", "wan22", "wan22-ti2v", "wan-vace"):
        model = tiny_entry(family, folder)
        model["limits"]["prompt_chars"] = 5000
        model["samplers"] = ["unipc", "euler"]
        model["defaults"] |= {"sampler": "unipc"} | ({"conditioning_scale": 1.0} if family == "wan-vace" else {})
        models[f"tiny-{family}"] = model
    yield from tiny_farm(folder, models)


@pytest.mark.parametrize(
    ("graph", "model", "values"),
    [
        (
            "text_to_video_wan",
            "tiny-wan",
            {"seed": 82628696717253, "num_inference_steps": 30, "guidance_scale": 6.0, "sampler": "unipc"}
            | {"flow_shift": 8.0, "fps": 16},
        ),
        (
            "video_wan2_2_14B_t2v",
            "tiny-wan22",
            {"num_inference_steps": 20, "guidance_scale": 3.5, "guidance_scale_2": 3.5, "sampler": "euler"}
            | {"flow_shift": 5.0, "fps": 16},
        ),
        (
            "video_wan2_2_5B_ti2v",
            "tiny-wan22-ti2v",
            {"num_inference_steps": 20, "guidance_scale": 5.0, "sampler": "unipc", "flow_shift": 8.0, "fps": 24},
        ),
        (
            "video_wan_vace_14B_t2v",
            "tiny-wan-vace",
            {"seed": 675909971186865, "num_inference_steps": 4, "guidance_scale": 1.0, "sampler": "unipc"}
            | {"flow_shift": 8.0, "fps": 16},
        ),
    ],
)
def test_a_graph_renders_with_the_values_that_comfyui_would_use(
    farm: RunningFarm, tmp_path: Path, graph: str, model: str, values: dict[str, Any]
) -> None:
    # Given the template's graph, and beside it the LoRA that it names,
    shutil.copy(TEMPLATES / f"{graph}.json", tmp_path)
    make(tmp_path, LORA, "wan-vace")
    # when it is submitted for a tiny model of its kind,
    asked = ["submit", model, "--comfyui", str(tmp_path / f"{graph}.json"), *SMALL]
    told = CliRunner().invoke(
        build_app(), [*asked, "--download", str(tmp_path / "clips"), "--json"], env=farm.user_environment
    )
    # then a clip comes out,
    assert told.exit_code == 0, told.output
    job = json.loads(told.stdout)
    [clip] = [Path(path) for path in job["files"]]
    assert clip.suffix == ".mp4"
    assert imageio_ffmpeg.count_frames_and_secs(str(clip))[0] == 9
    # and its manifest says that it was made with the graph's values.
    [render] = farm.renders(job["id"])
    made = farm.manifest(render.id)["parameters"]
    assert {name: made[name] for name in values} == values
    assert len(made["prompt"]) > 50
    assert [lora["file"] for lora in made["loras"]] == ([LORA] if model == "tiny-wan-vace" else [])
