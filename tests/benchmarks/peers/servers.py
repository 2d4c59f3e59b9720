"""One Valkey and one S3 server for all systems, as `farm up` starts them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from farm.local.stack import LocalStack
from farm.settings import Settings

#: Where the peers store; the farm has a bucket of its own.
BUCKET = "peers"


@dataclass(frozen=True)
class Servers:
    """Their addresses. `redis_url` ends with the number of a database, 0."""

    redis_url: str
    s3_url: str
    access_key: str
    secret_key: str
    s3: Any

    def stored(self, bucket: str, key: str) -> bytes:
        """The bytes of an object."""
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    """While the block runs."""
    with LocalStack(Settings(data_dir=folder), notify=lambda text: None, programs=lambda stack: []) as stack:
        settings = stack.settings
        assert settings.s3_access_key_id
        assert settings.s3_secret_access_key
        assert settings.s3_endpoint_url
        keys = settings.s3_access_key_id.get_secret_value(), settings.s3_secret_access_key.get_secret_value()
        s3 = boto3.client(
            "s3",
            endpoint_url=str(settings.s3_endpoint_url),
            region_name="us-east-1",
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
        )
        s3.create_bucket(Bucket=BUCKET)
        yield Servers(settings.redis_url.get_secret_value(), str(settings.s3_endpoint_url), *keys, s3)
