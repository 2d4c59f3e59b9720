"""docs/kubernetes.md, walked on one machine: what its commands start by its manifests is a farm that renders."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from farm.client import FarmClient
from tests.clean_environments import ROOT
from tests.deploy.conftest import tools
from tests.end_to_end.cluster import Cluster
from tests.end_to_end.test_production_page import own_postgres
from tests.own_storage import KEY_ID, SECRET, rclone_s3
from tests.valkeys import own_valkey
from tests.waiting import eventually

__all__ = ["tools"]  # a fixture

PAGE = (ROOT / "docs/kubernetes.md").read_text()
OVERLAY = "deploy/kubernetes/overlays/spot"  # the one that KEDA scales
#: While all of it starts, a server may answer later than readiness waits for it: who is told so looks again.
PATIENT_DOCTOR = "until farm doctor; do sleep 2; done"
POOLS = """pools:
  sana-spot: {model: sana-demo, device: cpu, scaling: {driver: metrics, minimum: 1, maximum: 8, startup_seconds: 180}}
"""


def commands(heading: str, containing: str) -> str:
    """The block of commands with these words below a heading of the page."""
    [part] = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    [block] = [one for one in re.findall(r"^```sh\n(.*?)^```$", part, re.MULTILINE | re.DOTALL) if containing in one]
    return str(block)


def script(tools: Path, cluster: Cluster) -> str:
    """The page from an empty namespace to the first operator, and a key for the test."""
    return "\n".join(
        [
            "set -euo pipefail",
            f"export CLUSTER={cluster.folder} KUBECTL={tools / 'kubectl'}",
            f'kubectl() {{ PYTHONPATH={ROOT} {sys.executable} -m tests.end_to_end.kubectl "$@"; }}',
            commands("Secrets", "--from-env-file"),
            commands("With kustomize", "apply -k").replace("overlays/minimal", "overlays/spot"),
            commands("The first operator", "storage init").replace("farm doctor\n", f"{PATIENT_DOCTOR}\n"),
            commands("Scaling", "latent-farm-operator-key"),
            "farm keys create ci --project studio --user ada > ci.key",
        ]
    )


def change(file: Path, places: dict[str, str]) -> None:
    """Put places of the test where the file has those of its example."""
    text = file.read_text()
    for example, real in places.items():
        assert example in text, f"{file} does not name {example} any more"
        text = text.replace(example, real)
    file.write_text(text)


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_the_page_on_kubernetes_leads_from_its_manifests_to_a_picture(tools: Path, tmp_path: Path) -> None:
    # Given the three servers, and a copy of an overlay with one's own addresses and pools
    home = tmp_path / "home"
    shutil.copytree(ROOT / "deploy/kubernetes", home / "deploy/kubernetes")
    with (
        own_postgres(tmp_path / "sql") as database,
        own_valkey() as redis,
        rclone_s3(tmp_path / "s3", "127.0.0.1", tmp_path / "s3.log") as storage,
        Cluster(tmp_path / "cluster") as cluster,
    ):
        public = f"http://{cluster.address(0)}:8420"
        change(home / OVERLAY / "settings.env", {"https://farm.example.org": public, "https://s3.example.org": storage})
        with (home / OVERLAY / "settings.env").open("a") as settings:
            settings.write("FARM_S3_CHECKSUMS=when_required\n")
        (home / OVERLAY / "pools.yaml").write_text(POOLS)
        secrets = {
            "FARM_DATABASE_URL": database,
            "FARM_REDIS_URL": redis.url,
            "FARM_S3_ACCESS_KEY_ID": KEY_ID,
            "FARM_S3_SECRET_ACCESS_KEY": SECRET,
            "FARM_SECRET_KEY": os.urandom(32).hex(),
        }
        (home / "secrets.env").write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))

        # When the page's commands are typed
        typed = ["bash", "-c", script(tools, cluster)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
        done = subprocess.run(typed, cwd=home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}{cluster.logs()}"
        assert f"{public}/sign-in/" in done.stdout
        assert "\tWorkers are at work: 1 of sana-spot." in done.stdout

        # Then its pods are a farm: what one dashboard takes a worker renders, and the other one shows it
        key = (home / "ci.key").read_text().strip()
        with FarmClient(public, key) as client:
            job = client.submit("sana-demo", "a large red circle in the centre on a blue background", seeds=[1, 2])
            assert client.wait(job.id, timeout=900).status == "done", cluster.logs()
            pictures = client.download(job.id, tmp_path / "pictures")
        assert [picture.read_bytes()[:4] for picture in pictures] == [b"\x89PNG"] * 2
        first, second = cluster.of("dashboard")
        assert first.address != second.address
        for dashboard in (first, second):
            shown = ask(dashboard.address, "latent-farm-dashboard.latent-farm", f"/api/v1/jobs/{job.id}", key)
            assert (shown["status"], shown["done"]) == ("done", 2)

        # And KEDA finds its number where its ScaledObject looks, with the key that its Secret holds
        [trigger] = [one["spec"]["triggers"][0] for one in cluster.documents() if one["kind"] == "ScaledObject"]
        url, found = urlsplit(trigger["metadata"]["url"]), trigger["metadata"]["valueLocation"]
        token = cluster.secrets()["latent-farm-operator-key"]["token"]
        eventually(lambda: ask(second.address, str(url.hostname), url.path, token).get(found) == 1)

        # And all of them end in order when they are told to
        ended = cluster.stop()
        assert set(ended.values()) == {0}, f"{ended}{cluster.logs()}"
        said = cluster.logs() + done.stdout + done.stderr
        assert "Traceback" not in said
        for secret in (redis.password, SECRET, secrets["FARM_SECRET_KEY"], key, token):
            assert secret not in said


def ask(address: str, host: str, path: str, key: str) -> dict[str, Any]:
    """What a dashboard answers under a name of the cluster."""
    headers = {"Host": host, "Authorization": f"Bearer {key}"}
    with httpx.Client(trust_env=False, timeout=60) as client:
        return dict(client.get(f"http://{address}:8420{path}", headers=headers).json())
