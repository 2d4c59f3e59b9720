"""Stores pictures as PNG in S3 and settles them; the uploads of a batch go side by side."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import numpy as np
from botocore.config import Config

from tests.benchmarks.peers.apps.pipeline import Pipeline, png
from tests.benchmarks.peers.books import Books
from tests.benchmarks.peers.pictures import Picture


def pipeline() -> Pipeline:
    """Load it, and tell the harness which process renders."""
    loaded = Pipeline(os.environ["PEER_WEIGHTS"])
    Path(os.environ["PEER_READY"]).write_text(str(os.getpid()))
    return loaded


class Storing:
    """The books and the bucket that the harness named in the environment."""

    def __init__(self) -> None:
        self.books = Books(Path(os.environ["PEER_BOOKS"]))
        self._bucket = os.environ["PEER_BUCKET"]
        self._s3 = boto3.client(
            "s3",
            endpoint_url=os.environ["PEER_S3"],
            region_name="us-east-1",
            config=Config(max_pool_connections=16, s3={"addressing_style": "path"}),
        )
        self._threads = ThreadPoolExecutor(4)

    def keep(self, pictures: Sequence[Picture], pixels: Sequence[np.ndarray]) -> list[str]:
        """Store a batch and settle it in one transaction; the ids."""
        list(self._threads.map(self._put, pictures, pixels))
        self.books.settle(pictures)
        return [picture["id"] for picture in pictures]

    def _put(self, picture: Picture, pixels: np.ndarray) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=f"{picture['id']}.png", Body=png(pixels), ContentType="image/png")
