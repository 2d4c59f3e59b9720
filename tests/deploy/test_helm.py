"""The Helm chart, rendered and linted by Helm's own library, and held to Kubernetes' schemas and to the farm."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard.app import create_app
from farm.connections import Connections
from farm.settings import Settings, load_settings
from farm.settings_sources import PREFIX
from tests.clean_environments import ROOT
from tests.deploy.manifests import Document, check_command, check_promises, data_of, pods, read
from tests.deploy.test_kubernetes import OVERLAYS, backup_of, check_schemas

CHART = ROOT / "deploy/helm/latent-farm"
#: What a person is told after an install.
NOTES = "NOTES.txt"
SECRET_FILES = ("files", "signing")
#: In the environment of the tools, which has Helm's library and none of ours.
RENDER = """
import json, sys
from helm_python import Chart
from helm_python.chart import lint
path, values = sys.argv[1], json.load(sys.stdin)
chart = Chart.load(path)
try:
    chart.validate_schema(chart.merge_values(values))
    files = chart.render(values, name="latent-farm", namespace="latent-farm")
except Exception as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({"files": files, "lint": lint(path, values, strict=True)}))
"""


def rendered(tools: Path, values: dict[str, Any]) -> dict[str, Any]:
    """`files` and `lint`, or `error`."""
    command = [tools / "python", "-c", RENDER, CHART]
    answer = subprocess.run(command, input=json.dumps(values), check=True, capture_output=True, text=True)
    return dict(json.loads(answer.stdout))


def documents_of(chart: dict[str, Any]) -> list[Document]:
    """All manifests of a chart that was rendered."""
    return [one for path, text in chart["files"].items() if not path.endswith(NOTES) for one in read(text)]


def example(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((CHART / "examples" / f"{name}.yaml").read_text()))


@pytest.mark.long
@pytest.mark.parametrize("name", ["minimal", "spot", "rank-group"])
def test_the_chart_is_valid_and_says_what_the_overlay_of_its_name_says(name: str, tools: Path, tmp_path: Path) -> None:
    schema = CHART / "values.schema.json"
    values = example(name)
    chart = rendered(tools, values)
    assert chart["lint"]["errors"] == []
    documents = documents_of(chart)
    for one in documents:  # as `helm install --namespace` does
        one["metadata"].setdefault("namespace", "latent-farm")
    check_schemas(tools, documents, tmp_path)
    with Connections.open(load_settings(variables={"FARM_DATA_DIR": str(tmp_path)})) as connections:
        check_promises(documents, create_app(connections), tmp_path)

    complete = tmp_path / "values.json"
    complete.write_text(json.dumps(yaml.safe_load((CHART / "values.yaml").read_text()) | values))
    subprocess.run([tools / "check-jsonschema", "--schemafile", schema, complete], check=True, capture_output=True)
    kustomized = subprocess.run(
        [tools / "kubectl", "kustomize", OVERLAYS / name], check=True, capture_output=True, text=True
    ).stdout
    assert running(documents) == running(read(kustomized))


def running(documents: list[Document]) -> dict[str, Any]:
    """By component, what both ways of deploying have to agree upon."""
    return {
        pod.labels["app.kubernetes.io/component"]: {
            "kind": pod.owner.partition("/")[0],
            "grace": pod.spec.get("terminationGracePeriodSeconds"),
            "rights": (pod.spec["securityContext"], pod.container["securityContext"]),
            "resources": pod.container["resources"],
            "node": (pod.spec.get("nodeSelector"), pod.spec.get("tolerations")),
            "image": pod.container["image"],
            "command": pod.container["args"],
            "files": sorted(one["mountPath"] for one in pod.container["volumeMounts"] if one["name"] in SECRET_FILES),
            "probes": {key: value for key, value in pod.container.items() if key.endswith("Probe")},
            "lifecycle": pod.container.get("lifecycle"),
            "variables": sorted(
                (one["name"], one.get("value", ""))
                for one in pod.container.get("env", [])
                if pod.labels["app.kubernetes.io/component"] == "worker"
            ),
        }
        for pod in pods(documents)
    }


@pytest.mark.long
def test_pods_are_started_anew_for_what_concerns_them_and_for_nothing_else(tools: Path) -> None:
    values = example("minimal")

    def marks(more: dict[str, Any]) -> dict[str, Any]:
        found = pods(documents_of(rendered(tools, values | more)))
        return {pod.labels["app.kubernetes.io/component"]: pod.annotations.get("checksum/settings") for pod in found}

    before = marks({})
    assert [component for component, mark in before.items() if mark is None] == ["migrations"]
    assert marks({"imagePullSecrets": [{"name": "registry"}]}) == before
    settings = values["settings"] | {"FARM_LOG_LEVEL": "DEBUG"}
    for more, concerned in (
        ({"settings": settings}, {"dashboard", "scheduler", "scorer", "worker"}),
        ({"pools": values["pools"] | {"other": {"model": "sana-demo"}}}, {"dashboard", "scheduler", "scorer"}),
    ):
        after = marks(more)
        assert {component for component in before if after[component] != before[component]} == concerned


@pytest.mark.long
def test_what_processes_tell_prometheus_is_open_to_its_namespace_and_closed_without(
    tools: Path, tmp_path: Path
) -> None:
    values = example("minimal")

    def policies(more: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        documents = documents_of(rendered(tools, values | more))
        check_schemas(tools, documents, tmp_path)
        found = [one["spec"] for one in documents if one["metadata"]["name"] == "latent-farm-metrics"]
        return found, data_of(documents, "ConfigMap", "latent-farm-settings")

    closed, settings = policies({})
    assert closed == []
    assert not {name for name in settings if "METRICS" in name}
    [opened], settings = policies({"metrics": {"port": 9420, "namespace": "monitoring"}})
    assert opened == metrics_policy()
    assert (settings["FARM_METRICS_HOST"], settings["FARM_METRICS_PORT"]) == ("0.0.0.0", "9420")


@pytest.mark.long
def test_who_installs_the_chart_is_told_the_steps_of_the_page(tools: Path) -> None:
    files = rendered(tools, example("minimal"))["files"]
    [notes] = [text for path, text in files.items() if path.endswith(NOTES)]
    page = (ROOT / "docs/kubernetes.md").read_text()
    [steps] = re.findall(r"^## The first operator\n\n```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    told = [line.partition("  #")[0].strip() for line in notes.splitlines()]
    assert [
        line for line in (step.partition("  #")[0].strip() for step in steps.splitlines()) if line not in told
    ] == []
    for line in told:
        if line.startswith("farm "):
            check_command(line.split()[1:])


@pytest.mark.long
def test_a_pool_may_have_a_runtime_class_and_a_claim_with_its_models(tools: Path, tmp_path: Path) -> None:
    values = example("minimal")
    values["workers"]["sana"] |= {"runtimeClassName": "nvidia", "modelClaim": "models"}
    documents = documents_of(rendered(tools, values))
    check_schemas(tools, documents, tmp_path)
    [worker] = [pod.spec for pod in pods(documents) if "worker" in pod.container["args"]]
    assert worker["runtimeClassName"] == "nvidia"
    [models] = [volume for volume in worker["volumes"] if volume["name"] == "models"]
    assert models["persistentVolumeClaim"] == {"claimName": "models"}


@pytest.mark.long
def test_models_of_ones_own_reach_the_catalog(tools: Path, tmp_path: Path) -> None:
    own = {"ours": {"family": "sana"}}
    before, documents = (documents_of(rendered(tools, example("minimal") | more)) for more in ({}, {"models": own}))
    # and every process is started anew for them
    for one, other in zip(pods(before), pods(documents), strict=True):
        assert "Job" in one.owner or one.annotations != other.annotations, one.owner
    written = yaml.safe_load(data_of(documents, "ConfigMap", "latent-farm-catalog")["pools.yaml"])
    assert written == {"pools": example("minimal")["pools"], "models": own}


@pytest.mark.long
def test_backups_by_a_schedule_are_those_of_kustomize(tools: Path, tmp_path: Path) -> None:
    more = {"backup": {"schedule": "30 3 * * *", "keepDays": 14, "storage": "20Gi"}}
    documents = documents_of(rendered(tools, example("minimal") | more))
    check_schemas(tools, documents, tmp_path)
    manifests = read((ROOT / "deploy/kubernetes/backup/cronjob.yaml").read_text())
    ours, theirs = backup_of(documents).container, backup_of(manifests).container
    assert {key: ours[key] for key in ("command", "args", "resources", "securityContext", "volumeMounts")} == {
        key: theirs[key] for key in ("command", "args", "resources", "securityContext", "volumeMounts")
    }
    [schedule] = {one["spec"]["schedule"] for one in (*documents, *manifests) if one["kind"] == "CronJob"}
    assert schedule == "30 3 * * *"
    [claim] = [one for one in documents if one["kind"] == "PersistentVolumeClaim"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def metrics_policy() -> Any:
    """What kustomize's component says, and a release's name beside it."""
    [policy] = read((ROOT / "deploy/kubernetes/metrics/network.yaml").read_text())
    spec = policy["spec"]
    spec["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] = "latent-farm"
    return spec


@pytest.mark.long
def test_wrong_values_are_refused_in_words(tools: Path) -> None:
    values = example("minimal")
    worker = values["workers"]["sana"]
    for wrong, said in (
        ({"workers": {"sana": worker | {"gpu": 1}}}, "gpu"),
        ({"workers": {"sana": worker | {"drainSeconds": 3600}}}, "drainSeconds must be less than graceSeconds"),
        ({"workers": {"other": worker}}, "there is no pools.other"),
        ({"workers": {"sana": worker | {"keda": {"secretName": "key"}}}}, "needs scaling: {driver: metrics"),
        ({"workers": {"sana": worker | {"modelStorage": "10Gi"}}}, "kind"),
        ({"variables": {"FARM_SECRET_KEY": "tiger"}}, "FARM_SECRET_KEY"),
        ({"settings": {"FARM_DATABASE_URL": "postgresql://farm:tiger@db/farm"}}, "FARM_DATABASE_URL"),
    ):
        error = rendered(tools, values | wrong).get("error", "")
        assert said in error, (wrong, error)
        assert "tiger" not in error


def test_the_schema_keeps_every_secret_setting_out_of_the_values() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    names = schema["properties"]["settings"]["propertyNames"]["not"]["enum"]
    assert set(names) == {PREFIX + name.upper() for name in Settings.SECRETS}
