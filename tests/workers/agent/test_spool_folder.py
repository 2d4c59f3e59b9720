"""The folder of pixels: gone with its worker, also with one that was killed, and with it everybody's pictures."""

import subprocess
import sys
from pathlib import Path

from workers.agent.spool_folder import SpoolFolder

HOLD = """
import sys, pathlib, workers.agent.spool_folder
folder = workers.agent.spool_folder.SpoolFolder(pathlib.Path(sys.argv[1]))
print(folder.path, flush=True)
sys.stdin.read()
"""


def test_what_a_killed_worker_left_is_removed_by_the_next_one_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    living = SpoolFolder(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    killed = Path(process.stdout.readline().strip())
    (killed / "r1-1.npy").write_bytes(b"somebody's picture")
    (living.path / "r2-1.npy").write_bytes(b"another one's")
    other = SpoolFolder(tmp_path)
    assert killed.exists(), "it lives"
    process.kill()
    process.communicate()
    newest = SpoolFolder(tmp_path)
    assert not killed.exists()
    assert (living.path / "r2-1.npy").exists()
    assert newest.path.stat().st_mode & 0o777 == 0o700
    for folder in (living, other, newest):
        folder.remove()
    assert not list(tmp_path.iterdir())


def test_an_attempt_that_ended_with_its_engine_leaves_nothing_but_told_checkpoints(tmp_path: Path) -> None:
    folder = SpoolFolder(tmp_path)
    names = ["r1-1.npy", "r1-1.safetensors", "r1-1-3.draft", "r1-1-3.checkpoint", "r1-12.npy", "r1-2.npy", "r11-1.npy"]
    for name in names:
        (folder.path / name).write_bytes(b"x")
    folder.forget("r1", 1)
    left = {path.name for path in folder.path.iterdir()} - {"lock"}
    assert left == {"r1-1-3.checkpoint", "r1-12.npy", "r1-2.npy", "r11-1.npy"}
    folder.remove()
