"""`farm demo` in a process of its own, as a stranger runs it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.waiting import eventually

DEMO = [sys.executable, "-m", "farm", "demo", "--pictures", "8", "--clips", "1"]


def environment(data: Path) -> dict[str, str]:
    named = {name: value for name, value in os.environ.items() if name not in ("FARM_URL", "FARM_KEY")}
    return {**named, "FARM_DATA_DIR": str(data), "FARM_DASHBOARD_PORT": "0"}


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_the_demo_renders_checks_goes_on_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # Given a demo that has shown what it can, and goes on
    said = tmp_path / "said"
    with said.open("w") as file:
        process = subprocess.Popen(DEMO, env=environment(tmp_path / "data"), stdout=file, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: "goes on; look at it" in said.read_text() or process.poll() is not None, timeout=800)
        assert process.poll() is None, said.read_text()
        children = psutil.Process(process.pid).children(recursive=True)
        files = [path for path in (tmp_path / "data" / "demo").rglob("*") if path.is_file()]
        assert len([path for path in files if path.suffix == ".png"]) == 20
        assert len([path for path in files if path.suffix == ".mp4"]) == 1
        assert len([path for path in files if path.name.endswith(".manifest.json")]) == 21
        assert len(children) > 5

        # When it is told to stop
        process.send_signal(signal.SIGINT)

        # Then it ends well, and with it everything that it started
        assert process.wait(timeout=120) == 0, said.read_text()
        assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
        assert "All done and right" in said.read_text()
        assert "Traceback" not in said.read_text()
    finally:
        process.kill()
        process.wait()


def test_a_demo_on_a_folder_that_is_in_use_says_so_with_exit_code_2(tmp_path: Path) -> None:
    from farm.local.folder import DataFolder

    folder = DataFolder(tmp_path)
    try:
        told = subprocess.run(
            [*DEMO, "--exit"], env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=False
        )
    finally:
        folder.release()

    assert told.returncode == 2
    assert str(tmp_path) in told.stderr
    assert "Traceback" not in told.stderr
