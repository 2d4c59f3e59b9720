"""The Dockerfile and the compose file, judged by hadolint and by compose, held to the farm's settings and commands."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from farm.catalog import load_catalog
from farm.settings import load_settings
from tests.clean_environments import ROOT
from tests.deploy.manifests import check_command

DOCKER = ROOT / "deploy/docker"
CONSTRAINTS = (ROOT / "constraints.txt").read_text().splitlines()


@pytest.mark.long
def test_the_dockerfile_has_no_fault_that_hadolint_knows(tools: Path) -> None:
    answer = subprocess.run(
        [tools / "hadolint", "--config", DOCKER / "hadolint.yaml", DOCKER / "Dockerfile"],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout


def test_the_images_hold_what_is_locked_and_run_as_nobody_of_importance() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    [torch] = [line for line in CONSTRAINTS if line.startswith("torch==")]
    assert text.count(f"'{torch}+") == 1
    stages = text.split("\nFROM ")
    for image in ("control", "worker-cpu", "worker-cuda"):
        [stage] = [stage for stage in stages if f" AS build-{image}\n" in stage]
        assert f"--require-hashes --requirement locks/{image}.txt" in stage
        for line in stage.split("RUN ")[1:]:
            assert "--require-hashes" in line or "--no-deps" in line, "what is in no lock gets into the image"
    for target in ("control", "worker-cpu", "worker-cuda"):
        [stage] = [stage for stage in stages if stage.partition("\n")[0].endswith(f" AS {target}")]
        assert stage.rstrip().count("USER 10001:10001") == 1
    assert "torch" not in next(stage for stage in stages if "AS build-control" in stage).partition("# torch")[0]
    assert "venv --without-pip /opt/latent-farm" in text, "pip and its setuptools are in no lock"
    for line in (line for line in text.replace("\\\n", "").splitlines() if "apt-get install" in line):
        assert "apt-get clean && rm -rf /var/lib/apt/lists/*" in " ".join(line.split()), (
            "caches of apt get into the image"
        )
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {word for line in text.splitlines() if line.startswith("COPY ") for word in line.split()[1:-1]}
    for name in sorted(word for word in copied if not word.startswith(("--from=", "/"))):
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored or f"!{Path(name).parent}" in ignored, name


@pytest.mark.long
def test_compose_reads_the_file_and_every_service_of_ours_is_a_command_with_real_settings(
    tools: Path, tmp_path: Path
) -> None:
    for name in ("compose.yaml", "pools.yaml"):
        shutil.copy(DOCKER / name, tmp_path)
    (tmp_path / "farm.env").write_text("FARM_SECRET_KEY=0123456789abcdef0123456789abcdef\n")
    (tmp_path / ".env").write_text("DATABASE_PASSWORD=a\nREDIS_PASSWORD=b\nS3_SECRET=c\n")
    answer = subprocess.run(
        [tools / "docker-compose", "--profile", "demo", "config", "--format", "json"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    services = json.loads(answer.stdout)["services"]
    ours = {name: one for name, one in services.items() if one["image"].startswith("latent-farm-")}
    assert set(services) - set(ours) == {"postgres", "valkey", "s3"}

    pools = tmp_path / "pools.yaml"
    catalog = load_catalog(load_settings(variables={"FARM_CATALOG": str(pools), "FARM_ENVIRONMENT": "production"}), {})
    served, reserved = set(), []
    for name, one in ours.items():
        load_settings(variables=one["environment"])
        check_command(one["command"])
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        if one["command"][0] != "worker":
            continue
        pool = catalog.pool(one["command"][2])
        served.add(pool.name)
        assert one["stop_grace_period"] == "5m0s"
        assert float(one["environment"]["FARM_DRAIN_SECONDS"]) < 300
        if pool.device == "cuda":
            [device] = one["deploy"]["resources"]["reservations"]["devices"]
            reserved += device["device_ids"]
    assert served == set(yaml.safe_load(pools.read_text())["pools"])
    assert len(reserved) == len(set(reserved)), "two workers on one GPU"
