"""What `farm up` begins with: nothing that can wait stands before the engines' fork server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from farm.errors import UnknownPool
from farm.local.folder import DataFolder
from farm.local.head_start import begin
from farm.settings import Settings
from tests.farm.local.test_forked_processes import only_with_pidfd
from tests.waiting import eventually

BEGINS = """
import json, sys
from pathlib import Path
import psutil
from farm.local.head_start import begin
from farm.settings import load_settings
begun = begin(load_settings(), {"sana-demo-local": 1})
late = sorted({"farm.local.stack", "alembic", "httpx", "torch"} & sys.modules.keys())
said = {"late": late, "server": begun.engines.pid, "name": psutil.Process(begun.engines.pid).name()}
print(json.dumps(said), flush=True)
sys.stdin.read()
"""


@only_with_pidfd
def test_the_engines_fork_server_begins_before_the_rest_is_imported_and_ends_with_who_forked_it(tmp_path: Path) -> None:
    environment = {**os.environ, "FARM_DATA_DIR": str(tmp_path / "data")}
    with subprocess.Popen(
        [sys.executable, "-c", BEGINS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said["late"] == []
        server = psutil.Process(said["server"])
        assert server.ppid() == process.pid
        process.kill()
    eventually(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)


def test_who_asks_for_a_pool_that_is_not_there_takes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UnknownPool):
        begin(Settings(data_dir=tmp_path / "data"), {"nobody-knows-it": 1})
    DataFolder(tmp_path / "data").release()
