"""Artifacts to files: fetched beside their place, checked against the farm's sha256, then moved there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import httpx
import stamina

from farm.client.connection.address import is_loopback
from farm.client.connection.certificates import authorities
from farm.client.errors import DownloadIncomplete
from farm.client.files.file_names import is_whole
from farm.client.replies import Artifact

_CHUNK = 1 << 18  # bytes


class Fetcher:
    """Fetches artifacts over their presigned links; the farm's key is never sent to the storage."""

    def __init__(self, farm_url: str, *, timeout: float, retry_seconds: float) -> None:
        self._farm_url = farm_url
        self._retry_seconds = retry_seconds
        self._timeout = timeout
        self._clients = {
            local: httpx.Client(timeout=timeout, trust_env=not local, verify=authorities(not local))
            for local in (False, True)
        }

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def fetch(self, artifact: Artifact, path: Path, renew: Callable[[], Artifact]) -> None:
        """Put the artifact at `path`. A broken try goes on where it stopped; an outworn link is renewed.

        Raises DownloadIncomplete when the storage refuses, or the bytes are not those that the farm stored.
        """
        part = path.with_name(path.name + ".part")
        link = artifact.url

        def once() -> None:
            nonlocal link
            try:
                self._go_on(link, part, artifact.size)
            except httpx.HTTPStatusError as error:
                if error.response.status_code in (401, 403):
                    link = renew().url
                raise

        # What an earlier run left may be of something else: then it is fetched once more, from its beginning.
        for _ in range(2 if part.exists() else 1):
            try:
                stamina.RetryingCaller(attempts=6, timeout=self._retry_seconds).on(_again)(once)
            except httpx.HTTPError as error:
                raise DownloadIncomplete(f"the storage did not give the file ({_words(error)}).") from error
            if is_whole(part, artifact):
                part.replace(path)
                return
            part.unlink(missing_ok=True)
        raise DownloadIncomplete("what came is not what the farm stored (its sha256 differs); it was thrown away.")

    def _go_on(self, link: str, part: Path, size: int) -> None:
        """Fetch what is missing of the part file, never more than `size` bytes in all."""
        have = part.stat().st_size if part.exists() else 0
        if have >= size > 0:
            if have == size:
                return
            have = 0
        url = urljoin(self._farm_url + "/", link)
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._clients[is_loopback(url)].stream("GET", url, headers=headers) as response:
            response.raise_for_status()
            goes_on = response.status_code == httpx.codes.PARTIAL_CONTENT
            written = have if goes_on else 0
            with part.open("ab" if goes_on else "wb") as file:
                for chunk in response.iter_bytes(_CHUNK):
                    file.write(chunk[: max(0, size - written + 1)])
                    written += len(chunk)
                    if written > size:
                        return  # longer than it may be: the check of its hash says so


def _again(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (401, 403, 429, 500, 502, 503, 504)
    return isinstance(error, httpx.TransportError)


def _words(error: httpx.HTTPError) -> str:
    """What went wrong, without the link: its signature is a secret while it lives."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP status {error.response.status_code}"
    return type(error).__name__
