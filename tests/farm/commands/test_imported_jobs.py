"""`farm submit` with files of other programs, against a running farm."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import comfyui_workflow_templates_json
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner, Result

from farm.cli import build_app
from tests.farm.dashboards import DashboardFarm
from tests.workers.pictures import moving_bar, write_clip

TEMPLATES = Path(comfyui_workflow_templates_json.__file__).parent / "templates"
Farm = Callable[..., Result]


@pytest.fixture
def farm(dashboard: DashboardFarm, tmp_path: Path) -> Farm:
    environment = {**os.environ, "FARM_URL": dashboard.url, "FARM_KEY": dashboard.key, "FARM_DATA_DIR": str(tmp_path)}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(build_app(), list(arguments), env=environment)

    return run


def test_a_graph_of_comfyui_is_a_job_of_another_model_and_size(farm: Farm) -> None:
    graph = str(TEMPLATES / "text_to_video_wan.json")
    told = farm(
        *("submit", "wan-demo", "--comfyui", graph, "--width", "64", "--height", "64", "--frames", "9", "--json"),
    )

    assert told.exit_code == 0, told.stderr
    job = json.loads(told.stdout)
    asked = {name: value for name, value in job["request"].items() if value is not None}
    assert (job["model"], asked["num_frames"], asked["width"]) == ("wan-demo", 9, 64)
    assert (asked["seed"], asked["num_inference_steps"]) == (82628696717253, 30)
    assert (asked["guidance_scale"], asked["sampler"], asked["flow_shift"], asked["fps"]) == (6.0, "unipc", 8.0, 16)
    assert "node 3 KSampler: num_inference_steps 30" in told.stderr
    assert "Note: node 3 KSampler" in told.stderr


def test_seeds_that_are_typed_go_before_the_graphs(farm: Farm) -> None:
    graph = str(TEMPLATES / "text_to_video_wan.json")
    small = ("--width", "64", "--height", "64", "--frames", "9")
    told = farm("submit", "wan-demo", "a circle", "--comfyui", graph, *small, "--seeds", "3", "--json")

    assert told.exit_code == 0, told.stderr
    job = json.loads(told.stdout)
    assert (job["total"], job["request"]["prompt"], job["request"].get("seed")) == (3, "a circle", None)


def test_of_texts_in_braces_one_is_taken_by_chance_as_on_the_page_and_in_comfyui(farm: Farm) -> None:
    told = farm("submit", "sana-demo", "a {red|blue} circle on {red|blue}, {1.5::a|b}", "--seeds", "8", "--json")
    assert told.exit_code == 0, told.stderr
    job = json.loads(told.stdout)
    assert job["request"]["prompt"] == "a __choice1__ circle on __choice1__, {1.5::a|b}"
    assert job["request"]["wildcards"] == {"choice1": ["red", "blue"]}
    assert "of {red|blue} one is taken by chance, by the seed" in " ".join(told.stderr.split())


def test_a_graph_of_vace_sends_its_clip_and_its_reference(farm: Farm, tmp_path: Path) -> None:
    graph = json.loads((TEMPLATES / "video_wan_vace_14B_v2v.json").read_text())
    (tmp_path / "graph.json").write_text(json.dumps(graph))
    missing = farm("submit", "--comfyui", str(tmp_path / "graph.json"))
    assert (missing.exit_code, "control_video.mp4" in missing.stderr, "--video" in missing.stderr) == (2, True, True)

    (tmp_path / "input").mkdir()
    write_clip(tmp_path / "input" / "video_wan_vace_14B_v2v_reference_image_control_video.mp4", moving_bar(frames=9))
    missing = farm("submit", "--comfyui", str(tmp_path / "graph.json"))
    assert (missing.exit_code, "--reference" in missing.stderr) == (2, True)

    Image.new("RGB", (64, 64), "red").save(tmp_path / "input" / "video_wan_vace_14B_v2v_reference_image.jpg")
    small = ("--width", "480", "--height", "480", "--frames", "9")
    told = farm("submit", "wan21-vace-14b", "--comfyui", str(tmp_path / "graph.json"), *small, "--dry-run", "--json")
    problem = json.loads(told.stderr.splitlines()[-1])
    assert [fault["pointer"] for fault in problem["errors"]] == ["/loras/0/name"], "of all that it names the LoRA alone"
    assert len(json.loads(farm("inputs", "list", "--json").stdout)) == 2, "clip and picture were sent"


def test_a_graph_that_cannot_be_rendered_names_its_node_and_nothing_is_submitted(farm: Farm, tmp_path: Path) -> None:
    told = farm("submit", "--comfyui", str(TEMPLATES / "video_wan2_2_14B_fun_camera.json"))
    assert told.exit_code == 2
    assert "node 95 UNETLoader: wan2.2_fun_camera_low_noise" in " ".join(told.stderr.split())

    picture = farm("submit", "--comfyui", str(TEMPLATES / "image_to_video_wan.json"))
    assert (picture.exit_code, "--image" in picture.stderr) == (2, True)
    both = farm("submit", "--comfyui", "a.json", "--openjd", "b.yaml")
    assert (both.exit_code, "--comfyui and --openjd" in both.stderr) == (2, True)
    missing = farm("submit", "--comfyui", str(tmp_path / "nowhere.json"))
    assert (missing.exit_code, "nowhere.json" in missing.stderr) == (2, True)


def test_a_graph_of_two_experts_is_one_job_of_a_model_of_ones_own(farm: Farm) -> None:
    graph, small = str(TEMPLATES / "video_wan2_2_14B_t2v.json"), ("--width", "64", "--height", "64", "--frames", "9")
    told = farm("submit", "wan-demo", "a circle", "--comfyui", graph, *small, "--json")
    assert told.exit_code == 0, told.stderr
    asked = json.loads(told.stdout)["request"]
    assert (asked["num_inference_steps"], asked["guidance_scale"], asked["sampler"]) == (20, 3.5, "euler")


def test_a_picture_is_rendered_over_in_its_own_size(farm: Farm, tmp_path: Path) -> None:
    Image.new("RGB", (96, 64), "red").save(tmp_path / "scene.png")
    link = {"model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0]}
    sampler = {"seed": 5, "steps": 2, "cfg": 1.0, "sampler_name": "scm", "scheduler": "simple", "denoise": 0.5, **link}
    nodes = {
        "1": ("SanaCheckpointLoader", {"ckpt_name": "Sana_Sprint_0.6B_1024px.pth"}),
        "2": ("SanaTextEncode", {"text": "a red circle"}),
        "3": ("VAEEncode", {"pixels": ["4", 0]}),
        "4": ("LoadImage", {"image": "scene.png"}),
        "5": ("KSampler", sampler),
        "6": ("VAEDecode", {"samples": ["5", 0]}),
        "7": ("SaveImage", {"images": ["6", 0]}),
    }
    graph = {id_: {"class_type": kind, "inputs": inputs} for id_, (kind, inputs) in nodes.items()}
    (tmp_path / "over.json").write_text(json.dumps(graph))

    told = farm("submit", "sprint-demo", "--comfyui", str(tmp_path / "over.json"), "--json")

    assert told.exit_code == 0, told.stderr
    asked = json.loads(told.stdout)["request"]
    assert (asked["width"], asked["height"], asked["num_inference_steps"], asked["strength"]) == (96, 64, 4, 0.5)
    assert asked["image"]


def test_a_graph_takes_no_files_from_outside_its_folder(farm: Farm, tmp_path: Path) -> None:
    """A graph from the web may name any file of this machine; what it names would be sent to the farm."""
    (tmp_path / "secret.png").write_bytes(b"not for the farm")
    graph = json.loads((TEMPLATES / "image_to_video_wan.json").read_text())
    for node in graph["nodes"]:
        if node["type"] == "LoadImage":
            node["widgets_values"] = ["../secret.png", "image"]
    folder = tmp_path / "graphs"
    folder.mkdir()
    (folder / "graph.json").write_text(json.dumps(graph))

    told = farm("submit", "--comfyui", str(folder / "graph.json"))

    assert (told.exit_code, "--image" in told.stderr) == (2, True)


@pytest.mark.parametrize(("combination", "renders"), [(None, 8), ("(Colour, Guidance) * Seed", 4)])
def test_a_template_of_openjd_is_one_job(farm: Farm, tmp_path: Path, combination: str | None, renders: int) -> None:
    space = {
        "taskParameterDefinitions": [
            {"name": "Colour", "type": "STRING", "range": ["red", "blue"]},
            {"name": "Guidance", "type": "FLOAT", "range": [1.0, 3.5]},
            {"name": "Seed", "type": "INT", "range": "7-8"},
        ]
    } | ({"combination": combination} if combination else {})
    template = {
        "specificationVersion": "jobtemplate-2023-09",
        "name": "stars",
        "parameterDefinitions": [
            {"name": "Model", "type": "STRING", "default": "sana-demo"},
            {"name": "Prompt", "type": "STRING", "default": "a {Colour} star"},
            {"name": "Steps", "type": "INT"},
        ],
        "steps": [
            {"name": "Render", "parameterSpace": space, "script": {"actions": {"onRun": {"command": "blender"}}}}
        ],
    }
    file = tmp_path / "stars.yaml"
    file.write_text(yaml.safe_dump(template))

    told = farm("submit", "--openjd", str(file), "--steps", "4", "--json")

    assert told.exit_code == 0, told.stderr
    job = json.loads(told.stdout)
    assert (job["total"], job["title"], job["model"]) == (renders, "stars", "sana-demo")


def test_what_is_typed_goes_before_the_rows_of_an_association(farm: Farm, tmp_path: Path) -> None:
    tasks = [{"name": "Steps", "type": "INT", "range": "2-3"}, {"name": "Seed", "type": "INT", "range": "7-8"}]
    space = {"taskParameterDefinitions": tasks, "combination": "(Steps, Seed)"}
    template = {
        "specificationVersion": "jobtemplate-2023-09",
        "name": "stars",
        "parameterDefinitions": [{"name": "Size", "type": "STRING", "default": "big"}],
        "steps": [
            {"name": "Render", "parameterSpace": space, "script": {"actions": {"onRun": {"command": "blender"}}}}
        ],
    }
    file = tmp_path / "stars.yaml"
    file.write_text(yaml.safe_dump(template))

    told = farm("submit", "sana-demo", "a {Size} star", "--openjd", str(file), "--steps", "4", "--json")

    assert told.exit_code == 0, told.stderr
    renders = json.loads(farm("job", json.loads(told.stdout)["id"], "--json").stdout)["renders"]
    assert [
        (each["parameters"]["prompt"], each["parameters"]["num_inference_steps"], each["parameters"]["seed"])
        for each in renders
    ] == [("a big star", 4, 7), ("a big star", 4, 8)]
