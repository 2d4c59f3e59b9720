"""Units of systemd and the jobs of Slurm: they name real commands, and a stop is a drain."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clean_environments import ROOT
from tests.deploy.manifests import check_command
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


def test_every_unit_runs_a_command_and_leaves_a_worker_the_time_to_drain() -> None:
    assert len(UNITS) == 4
    for unit in UNITS:
        text = unit.read_text()
        [command] = re.findall(r"^ExecStart=/opt/latent-farm/bin/farm (.*)$", text, re.MULTILINE)
        check_command(command.split())
        [limit] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
        for drain in re.findall(r"FARM_DRAIN_SECONDS=(\d+)", text):
            assert int(drain) < int(limit)
            assert "KillMode=mixed" in text


def test_the_page_on_nodes_makes_all_that_the_units_and_jobs_ask_for() -> None:
    page = (ROOT / "docs/containers.md").read_text()
    [commands] = re.findall(r"^## systemd\n.*?^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    told = dict.fromkeys(("farm.env", "pools.yaml", "gpu-0.env"), "")
    for name in told:
        [told[name]] = [line for line in commands.splitlines() if re.search(rf"(/| ){re.escape(name)}( |$)", line)][:1]
    assert all("/etc/latent-farm/" in line for line in told.values()), told
    for unit in UNITS:
        text = unit.read_text()
        for file in re.findall(r"^EnvironmentFile=(.*)$", text, re.MULTILINE):
            assert Path(file.replace("%i", "0")).name in told, unit
        assert {"User=latent-farm", "WorkingDirectory=/var/lib/latent-farm"} <= set(text.splitlines())
        assert unit.name.partition(".")[0] in commands, unit
    assert "--home-dir /var/lib/latent-farm " in commands
    assert "venv /opt/latent-farm\n" in commands
    # Where units run there is no pools.yaml.
    assert "FARM_CATALOG='/etc/latent-farm/pools.yaml'\" >> /etc/latent-farm/farm.env" in commands
    pools = re.findall(r"^  ([a-z0-9-]+): \{model:", (ROOT / "docs/production.md").read_text(), re.MULTILINE)
    asked = re.findall(r"POOL=([a-z0-9-]+)", page + JOB.read_text())
    assert len(asked) == 3
    assert set(asked) <= set(pools)


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
    warning, drain = re.findall(r"--signal=B:USR1@(\d+)", text), re.findall(r"FARM_DRAIN_SECONDS=(\d+)", text)
    assert int(warning[0]) > int(drain[0])
    assert "#SBATCH --requeue" in text
    assert _stopped(JOB, tmp_path) == (["worker --pool sana 300 redis://here/0", "drained"], 7)
    assert not (tmp_path / "latent-farm-12").exists()


def test_a_job_whose_time_is_over_drains_and_goes_back_into_the_queue(tmp_path: Path) -> None:
    for job, first in ((JOB, "worker --pool sana 300 redis://here/0"), (SCORER_JOB, "scorer  redis://here/0")):
        (tmp_path / "scontrol").write_text('#!/bin/bash\necho "$@"; ls "$FARM_DATA_DIR" 2>/dev/null\n')
        (tmp_path / "scontrol").chmod(0o755)
        assert _stopped(job, tmp_path, signal.SIGUSR1)[0] == [first, "drained", "requeue 12"]


def test_a_scorer_as_a_job_of_slurm_hears_the_signal_too(tmp_path: Path) -> None:
    text = SCORER_JOB.read_text()
    assert "#SBATCH --requeue" in text
    assert "--gpus" not in text
    check_command(re.findall(r"^farm (\S+) &", text, re.MULTILINE))
    assert _stopped(SCORER_JOB, tmp_path) == (["scorer  redis://here/0", "drained"], 7)


def _stopped(job: Path, folder: Path, by: signal.Signals = signal.SIGTERM) -> tuple[list[str], int]:
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
    process.send_signal(by)
    said, _ = process.communicate(timeout=60)
    return said.splitlines(), process.returncode
