"""A real Prometheus and a real Flower beside a farm: what the page on monitoring tells people to do, done."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from farm.broker import broker_url
from tests.dashboard.conftest import House
from tests.dashboard.serving import served
from tests.waiting import eventually

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"
RING_WORKER = Path(__file__).parents[1] / "farm" / "ring_worker.py"
TOKEN = "the-token-of-a-prometheus"
pytestmark = pytest.mark.long


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], log: Path, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=os.environ | variables, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed (Debian's package prometheus)")
def test_prometheus_finds_all_processes_by_the_page_on_monitoring(
    make_house: Callable[..., House], tmp_path: Path
) -> None:
    house = make_house(metrics_token=SecretStr(TOKEN), metrics_port=free_port())
    variables = house.connections.settings.to_variables()
    (tmp_path / "token").write_text(TOKEN)
    port = free_port()
    with (
        served(house, tmp_path / "dashboard.log") as (url, _),
        running([sys.executable, "-m", "farm", "scheduler"], tmp_path / "one.log", **variables),
        running([sys.executable, "-m", "farm", "scheduler"], tmp_path / "other.log", **variables),
    ):
        authorization = {"credentials_file": str(tmp_path / "token")}
        farm = {"job_name": "farm", "static_configs": [{"targets": [url.removeprefix("http://")]}]}
        files = [str(house.connections.settings.data_dir / "metrics" / "*.json")]
        processes = {"job_name": "farm-processes", "file_sd_configs": [{"files": files, "refresh_interval": "1s"}]}
        config = {
            "global": {"scrape_interval": "3s", "scrape_timeout": "3s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [job | {"authorization": authorization} for job in (farm, processes)],
        }
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
        with running([*command, f"--web.listen-address=127.0.0.1:{port}"], tmp_path / "prometheus.log"):

            def ask(query: str) -> list[dict[str, Any]]:
                try:
                    answer = httpx.get(
                        f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, verify=False, trust_env=False
                    )
                except httpx.TransportError:
                    return []
                if answer.status_code != 200:  # it starts
                    return []
                found: list[dict[str, Any]] = answer.json().get("data", {}).get("result", [])
                return found

            eventually(lambda: [one["value"][1] for one in ask("sort(up)")] == ["1", "1", "1"])
            eventually(lambda: [one["value"][1] for one in ask("farm_supervised")] == ["1"])
            eventually(lambda: [one["value"][1] for one in ask("sum(farm_supervisor_acts)")] == ["1"])
            roles = ask("count by (role) (farm_process_info)")
            assert [(one["metric"], one["value"][1]) for one in roles] == [({"role": "scheduler"}, "2")]
            firing = {one["metric"]["alertname"] for one in ask('ALERTS{alertstate="firing"}')}
            assert firing == set()
    assert not list((house.connections.settings.data_dir / "metrics").iterdir())


def test_flower_works_beside_the_farm_and_does_not_see_a_kill(valkey_url: str, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    flower = [sys.executable, "-m", "celery", "--broker", broker_url(valkey_url), "flower", f"--port={port}"]
    worker = [sys.executable, str(RING_WORKER), valkey_url]

    def online() -> list[str]:
        try:
            text = httpx.get(f"{url}/metrics", verify=False, trust_env=False).text
        except httpx.TransportError:
            return []
        return [line for line in text.splitlines() if line.startswith("flower_worker_online{")]

    with (
        running([*flower, "--address=127.0.0.1"], tmp_path / "flower.log", FLOWER_UNAUTHENTICATED_API="true"),
        running(worker, tmp_path / "worker.log") as process,
    ):
        [line] = eventually(online)
        assert line.endswith(" 1.0")
        workers = eventually(lambda: httpx.get(f"{url}/api/workers?refresh=1", verify=False, trust_env=False).json())
        [found] = workers.values()
        assert [queue["name"] for queue in found["active_queues"]] == ["render.test"], json.dumps(workers)
        process.kill()
        process.wait()
        assert online() == [line]  # as docs/monitoring.md says: alert on our own heartbeats
