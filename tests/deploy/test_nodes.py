"""Units of systemd and the jobs of Slurm: they name real verbs, and a stop is a drain."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clean_environments import ROOT
from tests.deploy.manifests import check_verb
from tests.waiting import eventually

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
JOB = ROOT / "deploy/slurm/worker.sbatch"
SCORER_JOB = ROOT / "deploy/slurm/scorer.sbatch"
#: Stands for the worker: says what it was told, and leaves in order when it is told to.
WORKER = """#!/bin/bash
trap 'echo drained; sleep 0.2; exit 7' TERM
echo "$@" "${FARM_DRAIN_SECONDS:-}" "$FARM_REDIS_URL"
mkdir -p "$FARM_DATA_DIR"
touch "$FARM_DATA_DIR/started"
while :; do sleep 0.1; done
"""


def test_every_unit_runs_a_verb_and_leaves_a_worker_the_time_to_drain() -> None:
    assert len(UNITS) == 4
    for unit in UNITS:
        text = unit.read_text()
        [command] = re.findall(r"^ExecStart=/opt/latent-farm/bin/farm (.*)$", text, re.MULTILINE)
        check_verb(command.split())
        [limit] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
        for drain in re.findall(r"FARM_DRAIN_SECONDS=(\d+)", text):
            assert int(drain) < int(limit)
            assert "KillMode=mixed" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace("/opt/latent-farm/bin/farm", str(Path(sys.executable).parent / "farm"))
        (tmp_path / unit.name.replace("@", "@0")).write_text(text)
    answer = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()], capture_output=True, text=True
    )
    ours = [line for line in answer.stderr.splitlines() if "latent-farm" in line]
    assert (answer.returncode, ours) == (0, [])


def test_a_job_of_slurm_hands_the_signal_on_and_ends_as_its_worker_does(tmp_path: Path) -> None:
    text = JOB.read_text()
    warning, drain = re.findall(r"--signal=B:TERM@(\d+)", text), re.findall(r"FARM_DRAIN_SECONDS=(\d+)", text)
    assert int(warning[0]) > int(drain[0])
    assert "#SBATCH --requeue" in text
    assert _stopped(JOB, tmp_path) == (["worker --pool sana 300 redis://here/0", "drained"], 7)
    assert not (tmp_path / "latent-farm-12").exists()


def test_a_scorer_as_a_job_of_slurm_hears_the_signal_too(tmp_path: Path) -> None:
    text = SCORER_JOB.read_text()
    assert "#SBATCH --requeue" in text
    assert "--gpus" not in text
    check_verb(re.findall(r"^exec farm (\S+)", text, re.MULTILINE))
    assert _stopped(SCORER_JOB, tmp_path) == (["scorer  redis://here/0", "drained"], 7)


def _stopped(job: Path, folder: Path) -> tuple[list[str], int]:
    """What a job prints that is told to end once it has started, and its exit status."""
    (folder / "farm").write_text(WORKER)
    (folder / "farm").chmod(0o755)
    (folder / "farm.env").write_text("FARM_REDIS_URL='redis://here/0'\n")
    process = subprocess.Popen(
        ["bash", job],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "TMPDIR": str(folder),
            "SLURM_JOB_ID": "12",
            "POOL": "sana",
            "FARM_SETTINGS_FILE": str(folder / "farm.env"),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    eventually((folder / "latent-farm-12/started").exists)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    return said.splitlines(), process.returncode
