"""A Hub on loopback: real HTTP with commits, ETags, LFS redirects, ranges, tokens, and the Hub's own refusals."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants
from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

#: Files of these kinds lie in LFS, the others in git.
LFS = (".safetensors", ".bin", ".model")


@dataclass
class Repository:
    """Commits by hash, each with its files; branches and tags; and who may read."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False  # without a right token: as if it were not there
    gated: bool = False  # its name and files are seen by all, its bytes only with a right token

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """A new commit at the head of the branch; its hash."""
        digest = hashlib.sha1(repr(sorted((path, hashlib.md5(data).digest()) for path, data in files.items())).encode())
        self.commits[digest.hexdigest()] = files
        self.refs[branch] = digest.hexdigest()
        return digest.hexdigest()

    def commit_folder(self, folder: Path, branch: str = "main") -> str:
        """All files of a folder as a commit."""
        return self.commit(
            {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()},
            branch,
        )


class FakeHub:
    """The running server. What it was asked is in `asked`: 'GET /path'."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.tokens: set[str] = set()
        self.asked: list[str] = []
        self.status: int | None = None  # answers everything with it
        self.cut: int = 0  # bytes after which the next file breaks off, once
        self.leaks: list[str] = []  # what was asked of the storage with the token
        self.rotten: set[str] = set()  # paths whose bytes come wrong
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def downloads(self) -> list[str]:
        """The paths whose bytes were asked for."""
        return [line.removeprefix("GET ") for line in self.asked if line.startswith("GET ") and "/api/" not in line]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def standing_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[FakeHub]:
    """A Hub for this process, with an empty cache in the folder, and no token."""
    hub = FakeHub()
    # What huggingface_hub reads from HF_ENDPOINT, HF_HOME and HF_TOKEN as it is imported.
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    disable_progress_bars()
    yield hub
    enable_progress_bars()
    hub.stop()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        pass

    Handler.hub = hub
    return Handler


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        if path.startswith("/cdn/") and self.headers.get("Authorization"):
            self.hub.leaks.append(path)
        try:
            if self.hub.status is not None:
                raise _Refused(self.hub.status, "")
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
                self._info(found[1], found[2] or "main")
            elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
                self._tree(found[1], found[2])
            elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self._resolve(found[1], found[2], found[3])
            elif found := re.fullmatch(r"/cdn/([^/]+/[^/]+)/([0-9a-f]{40})/(.+)", path):
                self._bytes(found[3], self.hub.repository(found[1]).commits[found[2]][found[3]], {})
            else:
                raise _Refused(404, "RepoNotFound")
        except _Refused as refused:
            headers = {"X-Error-Code": refused.code} if refused.code else {}
            self._send(refused.status, b'{"error": "no"}', headers | {"X-Error-Message": refused.message})

    def _may(self, name: str, *, bytes_too: bool) -> Repository:
        repository = self.hub.repositories.get(name)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in self.hub.tokens:
            raise _Refused(401, "", "Invalid credentials in Authorization header")
        if repository is None or (repository.private and not token):
            raise _Refused(401, "RepoNotFound")
        if repository.gated and bytes_too and token != "invited":
            raise _Refused(403 if token else 401, "GatedRepo")
        return repository

    def _commit(self, repository: Repository, revision: str) -> str:
        commit = repository.refs.get(revision, revision)
        if commit not in repository.commits:
            raise _Refused(404, "RevisionNotFound")
        return commit

    def _info(self, name: str, revision: str) -> None:
        repository = self._may(name, bytes_too=False)
        commit = self._commit(repository, revision)
        siblings = [{"rfilename": path} for path in repository.commits[commit]]
        self._json({"id": name, "modelId": name, "sha": commit, "siblings": siblings, "tags": [], "private": False})

    def _tree(self, name: str, revision: str) -> None:
        repository = self._may(name, bytes_too=False)
        files = repository.commits[self._commit(repository, revision)]
        self._json([_described(path, data) for path, data in files.items()])

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repository = self._may(name, bytes_too=True)
        commit = self._commit(repository, revision)
        if path not in repository.commits[commit]:
            raise _Refused(404, "EntryNotFound")
        data = repository.commits[commit][path]
        headers = {"X-Repo-Commit": commit}
        if path.endswith(LFS):
            etag = hashlib.sha256(data).hexdigest()
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(data))}
            # Another host, as the Hub's storage is: the token must not go there.
            place = (
                f"{self.hub.url.replace('127.0.0.1', 'localhost')}/cdn/{name}/{commit}/{path}?Signature=the-signature"
            )
            self._send(302, b"", headers | {"Location": place, "ETag": '"of-the-pointer"'})
        else:
            self._bytes(path, data, headers)

    def _bytes(self, path: str, data: bytes, headers: dict[str, str]) -> None:
        headers |= {"ETag": f'"{_git_sha1(data)}"', "Accept-Ranges": "bytes"}
        if path in self.hub.rotten:
            data = data[:-1] + bytes([data[-1] ^ 1])
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        status = 200
        if asked:
            headers["Content-Range"] = f"bytes {asked[1]}-{len(data) - 1}/{len(data)}"
            data, status = data[int(asked[1]) :], 206
        self._send(status, data, headers)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if 0 < self.hub.cut < len(data):
            data, self.hub.cut, self.close_connection = data[: self.hub.cut], 0, True
        self.wfile.write(data)


def _described(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": _git_sha1(data)}
    if path.endswith(LFS):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


def _git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
