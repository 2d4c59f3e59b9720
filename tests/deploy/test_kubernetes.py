"""The kustomize base and its overlays, rendered by kubectl and held to Kubernetes' schemas and to the farm."""

import subprocess
from pathlib import Path

import pytest
import yaml

from dashboard.app import create_app
from farm.connections import Connections
from farm.settings import load_settings
from tests.clean_environments import ROOT
from tests.deploy.manifests import Document, check_promises, pods, read

#: Kinds of KEDA, whose schemas Kubernetes does not have.
KEDA = ("ScaledObject", "TriggerAuthentication")
OVERLAYS = ROOT / "deploy/kubernetes/overlays"


def check_schemas(tools: Path, documents: list[Document], folder: Path) -> None:
    """Every document of a kind that Kubernetes has is as its schema says, and has no field that the schema lacks."""
    file = folder / "manifests.yaml"
    file.write_text(yaml.safe_dump_all([one for one in documents if one["kind"] not in KEDA]))
    command = [tools / "kubernetes-validate", "--kubernetes-version", "1.37", "--strict", file]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.long
@pytest.mark.parametrize("overlay", ["minimal", "spot", "rank-group"])
def test_an_overlay_is_valid_and_keeps_the_farms_promises(overlay: str, tools: Path, tmp_path: Path) -> None:
    rendered = subprocess.run(
        [tools / "kubectl", "kustomize", OVERLAYS / overlay], check=True, capture_output=True, text=True
    ).stdout
    documents = read(rendered)
    check_schemas(tools, documents, tmp_path)

    with Connections.open(load_settings(variables={"FARM_DATA_DIR": str(tmp_path)})) as connections:
        check_promises(documents, create_app(connections), tmp_path)
    kinds = [one["kind"] for one in documents]
    workers = [pod for pod in pods(documents) if "worker" in pod.owner]
    assert [pod.container["args"] for pod in pods(documents) if "scorer" in pod.owner] == [["scorer"]]
    assert kinds.count("PodDisruptionBudget") == 2 + len(workers)
    assert {pod.owner.partition("/")[0] for pod in workers} == {
        "StatefulSet" if overlay == "rank-group" else "Deployment"
    }
    assert (kinds.count("ScaledObject") == 1) == (overlay == "spot")
    settings, catalog = ("latent-farm-settings", "latent-farm-catalog")
    maps = {one["metadata"]["name"] for one in documents if one["kind"] == "ConfigMap"}
    for pod in pods(documents):  # the hashes of what was generated have reached every reference
        assert {reference["configMapRef"]["name"] for reference in pod.container["envFrom"][:1]} <= maps
        assert any(volume.get("configMap", {}).get("name") in maps for volume in pod.spec["volumes"])
    assert {name.rpartition("-")[0] for name in maps} == {settings, catalog}
