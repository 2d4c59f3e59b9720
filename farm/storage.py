"""S3's only home in the farm: storing, reading, listing, links. Where each file lies: `storage_keys`."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol
from urllib.parse import quote

from farm.clock import Clock
from farm.errors import StorageRefused
from farm.s3_time import sign_by
from farm.storage_access import AccessSettings, code_of, connect, trouble

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: What is read at once of a stream.
STREAM_BYTES = 64 * 1024
#: What one DeleteObjects request may hold.
DELETE_AT_ONCE = 1000
#: The longest life that signature version 4 allows a link: a week.
LONGEST_LINK_SECONDS = 7 * 24 * 3600


class StorageSettings(AccessSettings, Protocol):
    """What the storage needs to know of :class:`farm.settings.Settings`."""

    @property
    def s3_public_endpoint_url(self) -> str | None: ...
    @property
    def s3_bucket(self) -> str: ...
    @property
    def link_seconds(self) -> int: ...


@dataclass(frozen=True)
class StoredFile:
    """An object in the bucket: its key, MIME type, size in bytes and SHA-256 in hex."""

    key: str
    content_type: str
    size: int
    sha256: str


@dataclass(frozen=True)
class StoredObject:
    """What a listing says of an object; `modified` in seconds since 1970, by the server's clock."""

    key: str
    modified: float


@dataclass(frozen=True)
class StoredVersion:
    """An object as it is now: its key, its size in bytes, and the ETag that names these bytes."""

    key: str
    size: int
    version: str


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that was begun and has not ended; `begun` in seconds since 1970, by the server's clock."""

    key: str
    upload_id: str
    begun: float


class Storage:
    """The farm's bucket. Threads may share it; nothing is contacted before the first call."""

    def __init__(self, settings: StorageSettings, bucket: str | None = None, clock: Clock | None = None) -> None:
        """With `bucket`, another one on the same server, with the same access: models may lie in one of their own.

        `clock`: what requests and links are signed by; none: the machine's own, which the server may refuse.
        """
        self.on_connect: Callable[[S3Client], None] = lambda _: None  #: is given each client as it is made
        self._clock = clock
        self._settings = settings
        self._bucket = bucket or settings.s3_bucket
        self._lock = threading.Lock()
        self._clients: dict[str | None, S3Client] = {}
        self._impatient: dict[float, S3Client] = {}  # by their seconds

    def ensure_bucket(self) -> None:
        """Make the bucket if it is not there.

        Raises StorageDown, or its kind StorageRefused, when it cannot be made or looked at.
        """
        from botocore.exceptions import ClientError

        with self._trouble("the bucket"):
            try:
                self._s3.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if code_of(error) not in {"404", "NoSuchBucket"}:
                    raise
                self._make_bucket()

    def ping(self, seconds: float) -> None:
        """Ask once for the bucket, and wait for no step of it longer than `seconds`.

        Raises NotFound when there is no such bucket, StorageDown, or its kind StorageRefused.
        """
        endpoint = self._settings.s3_endpoint_url
        with self._lock:
            if seconds not in self._impatient:
                self._impatient[seconds] = connect(self._settings, endpoint, seconds)
        with self._trouble("the bucket"):
            self._impatient[seconds].head_bucket(Bucket=self._bucket)

    def put(self, key: str, data: bytes | Path, content_type: str, *, sha256: str | None = None) -> StoredFile:
        """Store bytes or a file; the server checks the checksum sent along. `sha256`: in hex, where it is known.

        Raises StorageDown.
        """
        with self._trouble(key):
            if isinstance(data, bytes):
                size, digest = len(data), sha256 or hashlib.sha256(data).hexdigest()
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)
            else:
                size, digest = data.stat().st_size, sha256 or _digest(data)
                self._s3.upload_file(str(data), self._bucket, key, ExtraArgs={"ContentType": content_type})
        return StoredFile(key, content_type, size, digest)

    def put_stream(self, key: str, data: IO[bytes], content_type: str) -> None:
        """Store what can be read from `data`, in parts if it is long. Raises StorageDown."""
        with self._trouble(key):
            self._s3.upload_fileobj(data, self._bucket, key, ExtraArgs={"ContentType": content_type})

    def get(self, key: str) -> bytes:
        """The whole object. Raises NotFound or StorageDown."""
        with self._trouble(key):
            return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def pieces(self, key: str) -> Iterator[bytes]:
        """The whole object, piece by piece. Raises NotFound or StorageDown."""
        with self._trouble(key), closing(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
            yield from body.iter_chunks(STREAM_BYTES)

    def version(self, key: str) -> str:
        """What names the bytes of an object as they are now: its ETag. Raises NotFound or StorageDown."""
        with self._trouble(key):
            return self._s3.head_object(Bucket=self._bucket, Key=key)["ETag"]

    def stream(self, key: str, start: int, version: str) -> Iterator[bytes]:
        """The bytes of an object from number `start` on, piece by piece, as long as it is this `version`.

        Raises NotFound when it is not there, StorageDown when it was changed meanwhile or cannot be read.
        """
        with self._trouble(key):
            asked = self._s3.head_object(Bucket=self._bucket, Key=key, IfMatch=version)
            if start >= asked["ContentLength"]:  # a range that begins at the end is no range
                return
            found = self._s3.get_object(Bucket=self._bucket, Key=key, IfMatch=version, Range=f"bytes={start}-")
            with closing(found["Body"]) as body:
                yield from body.iter_chunks(STREAM_BYTES)

    @property
    def public_address(self) -> str:
        """Where links lead, without a path. Nothing is contacted, and no key is needed."""
        # Without an endpoint it is AWS, and which host it has there only boto3 knows.
        return self._public.meta.endpoint_url

    def upload_link(self, key: str, content_type: str) -> str:
        """A link with which anybody can store this object, once or more, for `link_seconds`. Nothing is contacted.

        Raises StorageDown when there is no key to sign it with.
        """
        asked, life = {"Bucket": self._bucket, "Key": key, "ContentType": content_type}, self._settings.link_seconds
        with self._trouble(key):
            return self._public.generate_presigned_url("put_object", Params=asked, ExpiresIn=life)

    def link(self, key: str, seconds: int | None = None, download_name: str | None = None) -> str:
        """A link with which anybody can read this object for `seconds` (default: the setting `link_seconds`).

        With `download_name` a browser saves the file under that name. Nothing is contacted.
        Raises StorageDown when there is no key to sign it with.
        """
        life = self._settings.link_seconds if seconds is None else seconds
        if not 0 < life <= LONGEST_LINK_SECONDS:
            raise ValueError(f"a link lives 1 to {LONGEST_LINK_SECONDS} seconds, not {life}")
        # Objects are written once: a browser that has one under this link need not ask whether it has changed.
        asked = {"Bucket": self._bucket, "Key": key, "ResponseCacheControl": f"private, max-age={life}, immutable"}
        if download_name is not None:
            asked["ResponseContentDisposition"] = f"attachment; filename*=UTF-8''{quote(download_name, safe='')}"
        with self._trouble(key):
            return self._public.generate_presigned_url("get_object", Params=asked, ExpiresIn=life)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are not there are deleted already. Raises StorageDown."""
        waiting = list(keys)
        with self._trouble("deletion"):
            for start in range(0, len(waiting), DELETE_AT_ONCE):
                some = waiting[start : start + DELETE_AT_ONCE]
                answer = self._s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
                )
                if refused := answer.get("Errors"):
                    code, said = refused[0].get("Code", "unknown"), refused[0].get("Message", "")
                    raise StorageRefused(f"{len(refused)} objects could not be deleted: {code} ({said})", code)

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that start with `prefix`, in order, page by page. Raises StorageDown."""
        with self._trouble(prefix):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    yield item["Key"]

    def versions(self, prefix: str) -> Iterator[StoredVersion]:
        """The objects whose keys start with `prefix`, in order, each as it is now. Raises StorageDown."""
        with self._trouble(prefix):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    yield StoredVersion(item["Key"], item["Size"], item["ETag"])

    def page(self, prefix: str, after: str = "", most: int = 1000) -> Sequence[StoredObject]:
        """At most `most` objects (1,000 at most) whose keys start with `prefix` and come after `after`, in order.

        One request. Fewer than `most` means that there are no more. Raises StorageDown.
        """
        with self._trouble(prefix):
            found = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, StartAfter=after, MaxKeys=most)
        return [StoredObject(item["Key"], item["LastModified"].timestamp()) for item in found.get("Contents", [])]

    def open_uploads(self, prefix: str) -> Sequence[OpenUpload]:
        """Up to 1,000 multipart uploads under `prefix` that have not ended. Raises StorageDown."""
        from botocore.exceptions import ClientError

        with self._trouble(prefix):
            try:
                found = self._s3.list_multipart_uploads(Bucket=self._bucket, Prefix=prefix)
            except ClientError as error:
                if code_of(error) != "NoSuchUpload":  # what rclone answers when there is none
                    raise
                return []
        return [
            OpenUpload(item["Key"], item["UploadId"], item["Initiated"].timestamp())
            for item in found.get("Uploads", [])
        ]

    def abort(self, upload: OpenUpload) -> None:
        """Break off a multipart upload; one that ended meanwhile is left as it is. Raises StorageDown."""
        from botocore.exceptions import ClientError

        with self._trouble(upload.key):
            try:
                self._s3.abort_multipart_upload(Bucket=self._bucket, Key=upload.key, UploadId=upload.upload_id)
            except ClientError as error:
                if code_of(error) not in {"404", "NoSuchUpload"}:
                    raise

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            clients = [*self._clients.values(), *self._impatient.values()]
            self._clients, self._impatient = {}, {}
        for client in clients:
            client.close()

    @property
    def _s3(self) -> "S3Client":
        return self._client(self._settings.s3_endpoint_url)

    @property
    def _public(self) -> "S3Client":
        return self._client(self._settings.s3_public_endpoint_url or self._settings.s3_endpoint_url)

    def _client(self, endpoint: str | None) -> "S3Client":
        # Making one reads the service's description (0.1 s), and is not safe in two threads at once.
        with self._lock:
            if endpoint not in self._clients:
                client = connect(self._settings, endpoint)
                if self._clock is not None:
                    sign_by(client, self._clock)
                self.on_connect(client)
                self._clients[endpoint] = client
            return self._clients[endpoint]

    def _make_bucket(self) -> None:
        from botocore.exceptions import ClientError

        region = self._settings.s3_region
        try:
            if region == "us-east-1":  # S3 refuses this one by name
                self._s3.create_bucket(Bucket=self._bucket)
            else:
                self._s3.create_bucket(
                    Bucket=self._bucket,
                    CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
                )
        except ClientError as error:
            if code_of(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise

    def _trouble(self, what: str) -> AbstractContextManager[None]:
        return trouble(self._settings, self._bucket, what)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
