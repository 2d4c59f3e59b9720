"""What ComfyUI reads of the folder: widgets with the catalog's limits, samples that fit them; and who gets a key."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.client import NoAddress
from farm.comfyui.translate import translate
from farm.comfyui.workflow.graph import CannotRender
from farm.comfyui.workflow.workflow_file import read_workflow
from tests.farm.comfyui_nodes.stand_in import NODES, ComfyUI, comfyui_running
from tests.farm.dashboards import DashboardFarm
from tests.farm.scripted_farm import scripted_farm

SAMPLES = sorted((NODES / "example_workflows").glob("*.json"))
#: Widgets that a browser adds behind a seed.
AFTER_RUN = ("fixed", "randomize", "increment", "decrement")


@pytest.fixture
def comfyui(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ComfyUI]:
    """On a machine that knows no farm."""
    monkeypatch.delenv("FARM_URL", raising=False)
    monkeypatch.delenv("FARM_KEY", raising=False)
    monkeypatch.setenv("FARM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with comfyui_running() as running:
        yield running


def test_widgets_have_the_limits_of_the_catalog_also_while_there_is_no_farm(comfyui: ComfyUI) -> None:
    wan = comfyui.nodes["LatentFarmWan"].INPUT_TYPES()["required"]
    assert {"wan-demo", "wan21-t2v-1300m"} <= set(wan["model"][0])
    assert "sana-demo" not in wan["model"][0]
    assert (wan["num_frames"][1]["min"], wan["num_frames"][1]["max"], wan["fps"][1]["max"]) == (0, 121, 60)
    assert comfyui.nodes["LatentFarmSprint"].INPUT_TYPES()["required"]["num_inference_steps"][1]["max"] == 4
    assert comfyui.nodes["LatentFarmSana"].INPUT_TYPES()["required"]["seed"][1]["max"] == 2**64 - 1
    assert {"scm", "unipc"} < set(comfyui.nodes["LatentFarmSampler"].INPUT_TYPES()["required"]["sampler"][0])
    assert comfyui.nodes["LatentFarmSana"].VALIDATE_INPUTS(model="of another farm") is True
    assert "'x' is no seed" in comfyui.nodes["LatentFarmSeeds"].VALIDATE_INPUTS(seeds="1 x")
    assert "is no seed" in comfyui.nodes["LatentFarmSeeds"].VALIDATE_INPUTS(seeds=str(2**64))


def test_a_farms_own_models_are_offered_where_there_is_a_farm(
    dashboard: DashboardFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_URL", dashboard.url)
    monkeypatch.setenv("FARM_KEY", dashboard.key)
    with comfyui_running() as running:
        offered = running.nodes["LatentFarmSana"].INPUT_TYPES()["required"]
    assert offered["model"][0] == ["sana-demo", "sana-pair-demo"], "those that pools of this farm serve"
    assert offered["width"][1]["max"] == 8192, "another farm may have the larger ones"


def test_every_node_has_a_title_and_declares_what_it_gives_and_no_widget_holds_a_key(comfyui: ComfyUI) -> None:
    assert comfyui.nodes.keys() == comfyui.titles.keys()
    for name, node in comfyui.nodes.items():
        declared = node.INPUT_TYPES()
        assert json.loads(json.dumps(declared)), "ComfyUI sends it to the browser"
        assert not [field for field in declared["required"] if "key" in field or "token" in field]
        assert node.DESCRIPTION, name
        assert not hasattr(node, "IS_CHANGED"), "same inputs are the same pictures"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_workflow_fits_its_nodes(path: Path, comfyui: ComfyUI) -> None:
    workflow: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    nodes = {node["id"]: node for node in workflow["nodes"]}
    ours = [node for node in workflow["nodes"] if node["type"] in comfyui.nodes]
    assert ours
    for node in ours:
        declared = comfyui.nodes[node["type"]].INPUT_TYPES()
        widgets = [field for field, kind in declared["required"].items()]
        values = [value for value in node["widgets_values"] if value not in AFTER_RUN]
        assert len(values) == len(widgets), node["type"]
        for field, value in zip(widgets, values, strict=True):
            kind, options = (*declared["required"][field], {})[:2]
            if isinstance(kind, list):
                assert value in kind, (node["type"], field)
            elif kind in ("INT", "FLOAT"):
                assert options["min"] <= value <= options["max"], (node["type"], field)
        sockets = {**declared["required"], **declared.get("optional", {})}
        assert all(socket["type"] == sockets[socket["name"]][0] for socket in node["inputs"])
        assert [output["type"] for output in node["outputs"]] == list(comfyui.nodes[node["type"]].RETURN_TYPES)
    for number, source, slot, target, place, kind in workflow["links"]:
        output, socket = nodes[source]["outputs"][slot], nodes[target]["inputs"][place]
        assert (number in output["links"], socket["link"], output["type"]) == (True, number, kind)
    with pytest.raises(CannotRender, match="renders on a farm by itself: run the graph in ComfyUI"):
        translate(read_workflow(json.dumps(workflow)))


def test_the_folder_is_of_the_registrys_form_and_needs_our_package_alone() -> None:
    told = tomllib.loads((NODES / "pyproject.toml").read_text(encoding="utf-8"))
    ours = tomllib.loads((NODES.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert told["project"]["version"] == ours["version"]
    assert told["project"]["requires-python"] == ours["requires-python"]
    assert told["tool"]["comfy"].keys() == {"DisplayName", "PublisherId"}
    assert told["project"]["dependencies"] == [f"latent-farm>={ours['version']}"], "they are released together"
    assert (NODES / "requirements.txt").read_text().split() == told["project"]["dependencies"]


def test_a_key_goes_only_to_the_address_that_it_was_set_for(
    comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FARM_URL", "https://farm.example")
    monkeypatch.setenv("FARM_KEY", "lf_mine")
    with scripted_farm() as another:
        farm = comfyui.run("LatentFarmConnection", url=another.url)[0]
        with pytest.raises(NoAddress, match=f"no key for '{another.url}'.*FARM_URL.*keys"):
            comfyui.run("LatentFarmSana", prompt="x", farm=farm)
        assert another.heard == []

        (tmp_path / ".latent-farm").mkdir()
        (tmp_path / ".latent-farm" / "keys").write_text(f"# mine\n{another.url}/ lf_other\n")
        with pytest.raises(Exception, match="nothing at /api/v1/jobs"):
            comfyui.run("LatentFarmSana", prompt="x", farm=farm)
        assert {heard.headers["authorization"] for heard in another.heard} == {"Bearer lf_other"}
        assert "lf_" not in repr(farm)
