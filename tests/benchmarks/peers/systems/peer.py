"""What all peers have in common: books in SQLite, a bucket, and weights that are given to them in the environment."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import tests.benchmarks
from tests.benchmarks.peers.books import Books
from tests.benchmarks.peers.servers import BUCKET, Servers
from tests.benchmarks.peers.systems.system import System
from workers import demo_models

ROOT = Path(tests.benchmarks.__file__).parents[2]
WEIGHTS = Path(demo_models.__file__).parent / "weights" / "sana-demo"


class Peer(System):
    """`variables`: what its processes find in the environment. The model is loaded when `ready_file` is there."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        super().__init__(servers, folder)
        self.books = Books(folder / "books.sqlite3")
        self.ready_file = folder / "ready"
        self.variables = {
            "PEER_BOOKS": str(folder / "books.sqlite3"),
            "PEER_READY": str(self.ready_file),
            "PEER_WEIGHTS": str(WEIGHTS),
            "PEER_BUCKET": BUCKET,
            "PEER_S3": servers.s3_url,
            "AWS_ACCESS_KEY_ID": servers.access_key,
            "AWS_SECRET_ACCESS_KEY": servers.secret_key,
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(ROOT),
        }

    def finished(self, ids: Iterable[str]) -> dict[str, float]:
        return self.books.finished(ids)

    def doubled(self, ids: Iterable[str]) -> int:
        return self.books.doubled(ids)

    def stored(self, name: str) -> bytes:
        return self.servers.stored(BUCKET, f"{name}.png")

    def kill_renderer(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(int(self.ready_file.read_text()), signal.SIGKILL)
