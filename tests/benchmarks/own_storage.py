"""An S3 server of a benchmark's own, as `farm up` starts it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from farm.local.ports import Ports
from farm.local.processes import Processes
from farm.local.seaweed import seaweed

BUCKET = "latent-farm"


@contextmanager
def own_storage(folder: Path) -> Iterator[dict[str, Any]]:
    """The settings of a client of it, while it runs."""
    (folder / "storage-logs").mkdir()
    processes = Processes(folder / "storage-logs", print)
    key, secret = "bench", secrets.token_hex()
    try:
        server = seaweed(folder / "seaweed", Ports(folder / "ports.json"), key, secret, BUCKET)
        processes.start(server.program)
        processes.wait_ready([server.program.name])
        yield {
            "s3_endpoint_url": server.url,
            "s3_access_key_id": SecretStr(key),
            "s3_secret_access_key": SecretStr(secret),
            "s3_bucket": BUCKET,
        }
    finally:
        processes.stop()
