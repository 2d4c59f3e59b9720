"""S3-compatible servers as they are: without newer checksums, refusing for reasons of their own, behind TLS."""

import base64
import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import SecretStr

from farm.errors import NotFound, StorageDown, StorageRefused
from farm.ids import new_id
from farm.local.certificates import Certificates
from farm.storage import Storage
from tests.servers import S3
from tests.tls import tls_in_front

PICTURE = bytes(range(256)) * 40


@dataclass
class OldServer:
    """An S3-compatible server of before 2024: no `x-amz-checksum-*`, and DeleteObjects wants Content-MD5."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    refuse: tuple[int, str, str] | None = None  # status, code and message of every answer
    refused_keys: frozenset[str] = frozenset()

    @property
    def settings(self) -> S3:
        key, secret = SecretStr("access-key-of-the-tests"), SecretStr("secret-key-of-the-tests")
        return S3(self.url, key, secret, s3_checksums="when_required")


@pytest.fixture
def old_server() -> Iterator[OldServer]:
    server = OldServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            newer = [name for name in self.headers if name.lower().startswith(("x-amz-checksum", "x-amz-trailer"))]
            if server.refuse:
                self.fail(*server.refuse)
            elif newer or "aws-chunked" in self.headers.get("Content-Encoding", ""):
                self.fail(400, "InvalidArgument", "Unsupported checksum or trailer")
            elif query == "delete":
                self.delete(body)
            elif self.command == "PUT":
                server.objects[path] = body
                self.send(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
            elif path in server.objects:
                self.send(200, server.objects[path], {"ETag": '"x"'})
            else:
                self.fail(404, "NoSuchKey", "The specified key does not exist.")

        def delete(self, body: bytes) -> None:
            if self.headers.get("Content-MD5") != base64.b64encode(hashlib.md5(body).digest()).decode():
                self.fail(400, "InvalidRequest", "Missing required header for this request: Content-MD5")
                return
            keys = [str(key.text) for key in ElementTree.fromstring(body).iter() if key.tag.endswith("Key")]
            wrong = "".join(
                f"<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>locked</Message></Error>"
                for key in keys
                if key in server.refused_keys
            )
            for key in keys:
                server.objects.pop(f"/latent-farm/{key}", None)
            self.send(200, f"<DeleteResult>{wrong}</DeleteResult>".encode())

        def fail(self, status: int, code: str, message: str) -> None:
            self.send(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())

        def send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    http.shutdown()
    thread.join()
    http.server_close()


@contextmanager
def storage_with(settings: S3, **changes: Any) -> Iterator[Storage]:
    storage = Storage(dataclasses.replace(settings, **changes))
    yield storage
    storage.close()


def test_a_server_without_newer_checksums_is_used_by_a_setting(old_server: OldServer, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(PICTURE)
    with storage_with(old_server.settings) as storage:
        storage.put("a.png", PICTURE, "image/png")
        storage.put("b.mp4", clip, "video/mp4")
        assert (storage.get("a.png"), storage.get("b.mp4")) == (PICTURE, PICTURE)
        storage.delete(["a.png", "b.mp4"])

    assert old_server.objects == {}


def test_without_the_setting_its_refusal_names_the_setting(old_server: OldServer, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(PICTURE)
    with storage_with(old_server.settings, s3_checksums="when_supported") as storage:
        for attempt in (
            lambda: storage.put("a.png", PICTURE, "image/png"),
            lambda: storage.put("b.mp4", clip, "video/mp4"),
            lambda: storage.delete(["a.png"]),
        ):
            with pytest.raises(StorageRefused, match=r"Unsupported checksum.*FARM_S3_CHECKSUMS=when_required") as said:
                attempt()
            assert said.value.code == "InvalidArgument"


def test_the_setting_works_with_a_server_of_today_too(s3: S3, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(PICTURE * 1000)  # 10 MB: more than one part of an upload
    keys = [f"old/{new_id()}", f"old/{new_id()}"]
    with storage_with(s3, s3_checksums="when_required") as storage:
        storage.put(keys[0], PICTURE, "image/png")
        storage.put(keys[1], clip, "video/mp4")
        assert storage.get(keys[1]) == clip.read_bytes()
        storage.delete(keys)
        assert list(storage.list("old/")) == []


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "AccessDenied", "lacks the right"),
        (403, "RequestTimeTooSkewed", "clock"),
        (403, "QuotaExceeded", "quota"),
        (403, "SignatureDoesNotMatch", "FARM_S3_SECRET_ACCESS_KEY"),
        (404, "NoSuchBucket", "FARM_S3_BUCKET"),
        (501, "NotImplemented", "FARM_S3_CHECKSUMS"),
        (418, "OfItsOwn", ""),
    ],
)
def test_a_refusal_is_told_with_the_servers_own_code_and_words(
    old_server: OldServer, tmp_path: Path, status: int, code: str, remedy: str
) -> None:
    old_server.refuse = (status, code, "in words of its own, secret-key-of-the-tests")
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(PICTURE)
    with storage_with(old_server.settings) as storage:
        for attempt in (lambda: storage.get("a.png"), lambda: storage.put("b.mp4", clip, "video/mp4")):
            with pytest.raises(StorageRefused) as refused:
                attempt()
            said = str(refused.value)
            assert refused.value.code == code
            assert f"{code} (in words of its own" in said
            assert remedy in said
            assert "cannot be reached" not in said
            assert "secret-key-of-the-tests" not in said


def test_objects_that_a_server_does_not_delete_are_told_with_its_reason(old_server: OldServer) -> None:
    old_server.refused_keys = frozenset({"b"})
    with storage_with(old_server.settings) as storage, pytest.raises(StorageRefused, match=r"AccessDenied \(locked\)"):
        storage.delete(["a", "b"])


def test_a_certificate_of_ones_own_authority_is_trusted_by_a_setting_and_else_the_reason_is_told(
    s3: S3, certificates: Certificates
) -> None:
    with tls_in_front(s3.s3_endpoint_url, certificates) as port:
        behind = dataclasses.replace(s3, s3_endpoint_url=f"https://localhost:{port}")
        with storage_with(behind, s3_ca_file=certificates.authority) as storage:
            key = storage.put(f"tls/{new_id()}", PICTURE, "image/png").key
            assert storage.get(key) == PICTURE
        with (
            storage_with(behind) as storage,
            pytest.raises(StorageDown, match=r"certificate not trusted.*FARM_S3_CA_FILE") as said,
        ):
            storage.get(key)
        assert not isinstance(said.value, StorageRefused | NotFound)


def test_a_server_that_is_away_is_said_with_the_systems_words(s3: S3) -> None:
    with (
        storage_with(s3, s3_endpoint_url="http://127.0.0.1:1") as storage,
        pytest.raises(StorageDown, match="cannot be reached"),
    ):
        storage.get("any")
