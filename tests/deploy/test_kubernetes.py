"""The kustomize base and its overlays, rendered by kubectl and held to Kubernetes' schemas and to the farm."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from dashboard.app import create_app
from farm.connections import Connections
from farm.settings import load_settings
from tests.clean_environments import ROOT
from tests.deploy.manifests import Document, Pod, check_promises, data_of, pods, read

#: Kinds of KEDA, whose schemas Kubernetes does not have.
KEDA = ("ScaledObject", "TriggerAuthentication")
OVERLAYS = ROOT / "deploy/kubernetes/overlays"
PAGES = [ROOT / "docs" / name for name in ("kubernetes.md", "upgrading.md")]
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: What a person names, of every kind that has a name in the manifests.
NAMED = re.compile(r"\b(?:deploy|deployment|job|statefulset)/([\w-]+)")
COMPONENTS = re.compile(r"app\.kubernetes\.io/component(?:=([\w-]+)| in \(([\w, -]+)\))")


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


def kustomized(tools: Path, folder: Path) -> list[Document]:
    """What an overlay comes to."""
    command = [tools / "kubectl", "kustomize", folder]
    return read(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def with_component(name: str, folder: Path) -> Path:
    """An overlay of somebody's own, with this component in it."""
    parts = {"resources": OVERLAYS / "minimal", "components": ROOT / "deploy/kubernetes" / name}
    overlay: Document = {key: [os.path.relpath(path, folder)] for key, path in parts.items()}
    overlay["namespace"] = "latent-farm"
    overlay["images"] = [{"name": "latent-farm-control", "newName": "registry.example.org/control", "newTag": "1"}]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    return folder


@pytest.mark.long
def test_the_component_of_metrics_opens_the_port_that_it_sets(tools: Path, tmp_path: Path) -> None:
    documents = kustomized(tools, with_component("metrics", tmp_path))
    check_schemas(tools, documents, tmp_path)
    settings = data_of(documents, "ConfigMap", "latent-farm-settings")
    assert load_settings(variables=settings).metrics_host == "0.0.0.0"
    [policy] = [one for one in documents if one["metadata"]["name"] == "latent-farm-metrics"]
    assert policy["metadata"]["namespace"] == "latent-farm"
    [rule] = policy["spec"]["ingress"]
    assert [str(port["port"]) for port in rule["ports"]] == [settings["FARM_METRICS_PORT"]]
    [chosen] = policy["spec"]["podSelector"]["matchExpressions"]
    assert set(chosen["values"]) < {pod.labels["app.kubernetes.io/component"] for pod in pods(documents)}


def backup_of(documents: list[Document]) -> Pod:
    """What runs each night."""
    [pod] = [pod for pod in pods(documents) if pod.owner.startswith("CronJob/")]
    [claim] = [one for one in documents if one["kind"] == "PersistentVolumeClaim"]
    [volume] = [volume for volume in pod.spec["volumes"] if volume["name"] == "backups"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    return pod


def run_at_night(pod: Pod, folder: Path, *, works: bool) -> set[str]:
    """Run the script of a backup beside one from yesterday and one of a month ago; what is there afterwards."""
    backups = folder / "backups"
    shutil.rmtree(backups, ignore_errors=True)
    backups.mkdir()
    for name, days in (("farm-yesterday.zip", 1), ("farm-old.zip", 30)):
        (backups / name).touch()
        os.utime(backups / name, (time.time() - days * 86_400,) * 2)
    (folder / "farm").write_text(f"#!/bin/sh\ntest $1-$2 = backup-create && {'touch' if works else 'false'} $3\n")
    (folder / "farm").chmod(0o755)
    [script] = pod.container["args"]
    told = [*pod.container["command"], script.replace("/backups", str(backups))]
    done = subprocess.run(told, env={"PATH": f"{folder}:{os.environ['PATH']}"}, check=False)
    assert (done.returncode == 0) == works
    return {re.sub(r"\d{8}T\d{6}Z", "now", path.name) for path in backups.iterdir()}


@pytest.mark.long
def test_the_component_of_backups_keeps_those_of_two_weeks_and_none_is_removed_where_none_is_made(
    tools: Path, tmp_path: Path
) -> None:
    documents = kustomized(tools, with_component("backup", tmp_path))
    check_schemas(tools, documents, tmp_path)
    with Connections.open(load_settings(variables={"FARM_DATA_DIR": str(tmp_path)})) as connections:
        check_promises(documents, create_app(connections), tmp_path)
    pod = backup_of(documents)
    assert pod.container["image"] == "registry.example.org/control:1", "as the overlay names it"
    assert run_at_night(pod, tmp_path, works=True) == {"farm-now.zip", "farm-yesterday.zip"}
    assert run_at_night(pod, tmp_path, works=False) == {"farm-yesterday.zip", "farm-old.zip"}


@pytest.mark.long
def test_the_pages_commands_name_what_the_manifests_have(tools: Path) -> None:
    documents = [one for name in ("minimal", "spot", "rank-group") for one in kustomized(tools, OVERLAYS / name)]
    names = {one["metadata"]["name"] for one in documents}
    components = {pod.labels["app.kubernetes.io/component"] for pod in pods(documents)}
    secrets = set(re.findall(r"'secretName': '([\w-]+)'|'secretRef': {'name': '([\w-]+)'", str(documents)))
    wanted = {name for pair in secrets for name in pair if name} | {"latent-farm-operator-key"}
    assert "latent-farm-operator-key" in str(documents)

    text = "\n".join(block.replace("\\\n", "") for page in PAGES for block in SHELL.findall(page.read_text()))
    commands = [line.partition("  #")[0] for line in text.splitlines() if "kubectl " in line]
    assert len(commands) > 10
    made = {found for line in commands for found in re.findall(r"create secret generic ([\w-]+)", line)}
    assert made == wanted
    for line in commands:
        folders = re.findall(r"-k (\S+)", line)
        assert all((ROOT / folder / "kustomization.yaml").exists() for folder in folders), line
        assert folders or set(NAMED.findall(line)) <= names, line
        for one, several in COMPONENTS.findall(line):
            assert set((one or several).split(", ")) <= components, line
        check_options(tools, line)


def check_options(tools: Path, line: str) -> None:
    """kubectl knows the verb, and each option of it."""
    words = re.split(r" -- |\$\(| \| ", line.partition("kubectl ")[2])[0].split()
    words = words[2:] if words[0] == "-n" else words
    verb = words[: 3 if words[:2] == ["create", "secret"] else 2 if words[0] in ("create", "rollout") else 1]
    told = subprocess.run([tools / "kubectl", *verb, "--help"], check=True, capture_output=True, text=True).stdout
    for option in (word.partition("=")[0] for word in words if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){re.escape(option)}\b", told), (option, line)
