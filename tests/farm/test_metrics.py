"""A process shows its metrics at a port of its own, to those who may read them; without the setting it does nothing."""

import ast
import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge

from farm.connections import Connections
from farm.metrics.farm_wide import FARM_METRICS
from farm.metrics.port import open_port
from farm.metrics.process_metrics import OF_SCHEDULERS, PROCESS_METRICS, Kind
from farm.metrics.recorder import NOBODY_READS
from farm.serve_metrics import readable
from farm.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("farm_test", "For this test.", registry=registry).set(7)
    return registry


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(verify=False, trust_env=False) as client:
        yield client


def test_processes_of_one_machine_take_a_port_each_and_lead_prometheus_to_it(
    free_port: int, registry: CollectorRegistry, client: httpx.Client, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, metrics_port=free_port)
    with ExitStack() as open_ports:
        ports = [open_ports.enter_context(open_port(settings, registry, role)) for role in ("scheduler", "worker")]
        assert None not in ports
        assert len(set(ports)) == 2
        found = [json.loads(file.read_text()) for file in (tmp_path / "metrics").glob("*.json")]
        assert {(entry["labels"]["role"], target) for [entry] in found for target in entry["targets"]} == {
            ("scheduler", f"127.0.0.1:{ports[0]}"),
            ("worker", f"127.0.0.1:{ports[1]}"),
        }
        for port in ports:
            assert "farm_test 7.0" in client.get(f"http://127.0.0.1:{port}/metrics").text
    assert list((tmp_path / "metrics").iterdir()) == []


def test_the_port_asks_for_the_token_and_takes_any_header(
    free_port: int, registry: CollectorRegistry, client: httpx.Client, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, metrics_port=free_port, metrics_token="the-token-of-a-prometheus")
    with open_port(settings, registry, "worker") as port:
        url = f"http://127.0.0.1:{port}"
        refused = client.get(f"{url}/metrics", headers={"Authorization": "Bearer another"})
        assert refused.status_code == 401
        assert "FARM_METRICS_TOKEN" in refused.text
        assert "farm_test" not in refused.text
        right = {"Authorization": "Bearer the-token-of-a-prometheus"}
        nonsense = right | {"Accept": "text/plain;version=x"}
        assert [client.get(f"{url}/metrics", headers=headers).status_code for headers in (right, nonsense)] == [
            200,
            200,
        ]
        assert client.get(f"{url}/elsewhere", headers=right).status_code == 404


def test_a_process_that_finds_no_port_works_on(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, metrics_port=9000, metrics_host="192.0.2.1")  # nobody's address
    with Connections.open(settings) as connections, readable(connections, "scheduler", OF_SCHEDULERS):
        assert connections.metrics.reads
    assert connections.metrics is NOBODY_READS


def test_without_the_setting_no_process_loads_the_client_library() -> None:
    # Modules that need it may be imported by each other, and by others only inside the function that the setting calls.
    theirs = {"prometheus_client", "pynvml"}
    ours = {f"farm.metrics.{name}" for name in ("prometheus", "port", "exposition")}
    for package in ("farm", "scheduler", "workers"):
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if module not in ours:
                assert not set(imported_at_once(path)) & (theirs | ours), path


def imported_at_once(path: Path) -> Iterator[str]:
    """Modules that are imported as this one is, ours by their whole names."""
    text = path.read_text(encoding="utf-8")
    named = any(word in text for word in ("prometheus_client", "pynvml", "farm.metrics"))
    for node in ast.parse(text).body if named else ():
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module.partition(".")[0], node.module)


def test_no_label_has_a_value_for_each_job_render_project_or_person() -> None:
    few = {
        "role", "pool", "lane", "class", "model", "version", "statement", "operation", "duty", "outcome", "stage",
        "result", "kind", "gpu", "name", "part", "event", "status", "currency",
        "method", "path",
    }  # fmt: skip
    declared = [*PROCESS_METRICS, *FARM_METRICS]
    assert {label for metric in declared for label in metric.labels} == few
    assert len({metric.name for metric in declared}) == len(declared)
    for metric in declared:
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)


def test_every_metric_has_its_line_in_the_docs_and_nothing_else_has() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(farm_\w+)` \| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE)
    declared = [*FARM_METRICS, *PROCESS_METRICS]
    assert listed == [(metric.name, ", ".join(metric.labels), metric.about) for metric in declared]
