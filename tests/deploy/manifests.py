"""Manifests of Kubernetes as documents, and what every one of them owes to the farm."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer
import yaml
from flask import Flask
from werkzeug.exceptions import HTTPException

from farm.catalog import Catalog, load_catalog
from farm.cli import build_app
from farm.settings import Settings, load_settings
from farm.settings_sources import OTHER_VARIABLES, PREFIX

#: What others than the farm read: the Hub's cache, and the pool's name on its way into the command.
OTHERS = {"HF_HOME", "POOL"}
Document = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """What runs: the kind and name that it comes from, its labels and its one container."""

    owner: str
    labels: dict[str, str]
    spec: Document

    @property
    def container(self) -> Document:
        [container] = self.spec["containers"]
        return dict(container)


def read(text: str) -> list[Document]:
    """The documents of one text."""
    return [document for document in yaml.safe_load_all(text) if document]


def pods(documents: list[Document]) -> list[Pod]:
    """Every pod template."""
    return [
        Pod(f"{one['kind']}/{one['metadata']['name']}", template["metadata"]["labels"], template["spec"])
        for one in documents
        if (template := one.get("spec", {}).get("template"))
    ]


def data_of(documents: list[Document], kind: str, name: str) -> dict[str, str]:
    """The data of a ConfigMap, whose name may end with a hash."""
    [found] = [one["data"] for one in documents if one["kind"] == kind and one["metadata"]["name"].startswith(name)]
    return dict(found)


def check_promises(documents: list[Document], app: Flask, folder: Path) -> None:
    """Settings, verbs, routes and pools are real; pods cannot write, rise or hear of Services by variables."""
    settings = data_of(documents, "ConfigMap", "latent-farm-settings")
    load_settings(variables={name: value for name, value in settings.items() if name != "FARM_CONFIG"})
    catalog = _catalog(data_of(documents, "ConfigMap", "latent-farm-catalog")["pools.yaml"], folder)
    _check_scaling(documents, catalog)
    for pod in pods(documents):
        _check_pod(pod, settings)
        check_verb(pod.container["args"])
        for probe in _probes(pod.container):
            assert route(app, probe["path"]), (pod.owner, probe)
        if "worker" in pod.container["args"]:
            _check_worker(pod, catalog)
    for document in documents:
        for trigger in document["spec"].get("triggers", []) if document["kind"] == "ScaledObject" else []:
            assert route(app, urlsplit(trigger["metadata"]["url"]).path)
            assert urlsplit(trigger["metadata"]["url"]).hostname in settings["FARM_ALLOWED_HOSTS"].split(",")


def route(app: Flask, path: str) -> bool:
    """Whether the dashboard answers GET there."""
    try:
        app.url_map.bind("").match(urlsplit(path).path, "GET")
    except HTTPException:
        return False
    return True


def _catalog(pools: str, folder: Path) -> Catalog:
    file = folder / "pools.yaml"
    file.write_text(pools)
    return load_catalog(load_settings(variables={"FARM_ENVIRONMENT": "production", "FARM_CATALOG": str(file)}), {})


def _check_pod(pod: Pod, settings: dict[str, str]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHERS | set(OTHER_VARIABLES)
    given = {variable["name"] for variable in pod.container.get("env", [])}
    assert given | set(settings) <= known, pod.owner
    # A Service 'farm-dashboard' would otherwise set FARM_DASHBOARD_PORT to an address, and the farm refuse to start.
    assert pod.spec["enableServiceLinks"] is False, pod.owner
    assert pod.spec["securityContext"]["runAsNonRoot"] is True, pod.owner
    assert pod.spec.get("automountServiceAccountToken") is False or "scheduler" in pod.owner
    rights = pod.container["securityContext"]
    assert rights["readOnlyRootFilesystem"] is True, pod.owner
    assert rights["allowPrivilegeEscalation"] is False, pod.owner
    mounted = {mount["name"] for mount in pod.container["volumeMounts"]}
    assert {volume["name"] for volume in pod.spec["volumes"]} <= mounted, pod.owner


def check_verb(arguments: list[str]) -> None:
    """The words before the options are a verb of the farm."""
    command: Any = typer.main.get_command(build_app())
    for word in arguments:
        if word.startswith("-"):
            break
        assert word in command.commands, arguments
        command = command.commands[word]
        command = command.load() if hasattr(command, "load") else command
        if not hasattr(command, "commands"):
            break


def _check_worker(pod: Pod, catalog: Catalog) -> None:
    """Its pool is one of the catalog, its GPUs are as many as the pool's model lies on, and it drains in time."""
    assert pod.container["args"] == ["worker", "--pool", "$(POOL)"]
    pool = catalog.pool(pod.labels["latent-farm/pool"])
    gpus = pool.sharding.devices if pool.sharding else 1
    assert pod.container["resources"]["limits"]["nvidia.com/gpu"] == gpus
    variables = {variable["name"]: variable.get("value", "") for variable in pod.container["env"]}
    load_settings(variables={name: value for name, value in variables.items() if name.startswith(PREFIX)})
    assert float(variables["FARM_DRAIN_SECONDS"]) < pod.spec["terminationGracePeriodSeconds"]


def _check_scaling(documents: list[Document], catalog: Catalog) -> None:
    """A pool is scaled by one, who finds what he is to scale; nobody else sets its replicas."""
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in documents}
    for pool in catalog.pools.values():
        if pool.scaling and pool.scaling.kubernetes:
            scaled = by_name[pool.scaling.kubernetes.kind, pool.scaling.kubernetes.name]
            assert scaled["metadata"]["namespace"] == pool.scaling.kubernetes.namespace
    for document in documents:
        if document["kind"] == "ScaledObject":
            url = document["spec"]["triggers"][0]["metadata"]["url"]
            scaling = catalog.pool(re.split("/", url)[-2]).scaling
            assert scaling is not None
            assert scaling.driver == "metrics"
            assert scaling.maximum == document["spec"]["maxReplicaCount"]
            assert ("Deployment", document["spec"]["scaleTargetRef"]["name"]) in by_name
    for (kind, name), document in by_name.items():
        if kind in ("Deployment", "StatefulSet") and "worker" in name:
            assert "replicas" not in document["spec"], name


def _probes(container: Document) -> Iterator[dict[str, Any]]:
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        if name in container:
            yield container[name]["httpGet"]
