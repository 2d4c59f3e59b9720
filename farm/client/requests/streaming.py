"""Files of rows, sent part by part: each part may be sent again, so a lost connection costs one part at most."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.errors import FarmProblem
from farm.client.replies import FileProgress, Job

#: A farm takes in about this much in a second or two; a row may have a million bytes (FARM_MAX_BODY_BYTES).
PART_BYTES = 1024 * 1024
_PIECE = 1024 * 1024
_PAUSE = 0.5  # seconds
_CONFLICT = 409
_ENDED = "stream-ended"  # of the conflicts the one that waiting does not mend
_TRIES = 20  # when another process is sending the same file
_TYPES = {".jsonl": "application/x-ndjson", ".ndjson": "application/x-ndjson", ".csv": "text/csv"}


def key_of(path: Path, fields: Mapping[str, Any]) -> str:
    """The Idempotency-Key of a file that is sent without one: the SHA-256 of its bytes and of what all rows share."""
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    shared = json.dumps(fields, sort_keys=True).encode()
    return hashlib.sha256(digest.encode() + shared).hexdigest()


def submit_file(
    transport: Transport,
    path: Path,
    fields: Mapping[str, Any],
    *,
    key: str | None,
    on_progress: Callable[[FileProgress], None] | None = None,
    part_bytes: int = PART_BYTES,
) -> Job:
    """Send a file of rows, or go on with it; the job, when its last row is in. Memory holds one part.

    Without a key `fields` have the `job` whose stream goes on.
    """
    kind = _TYPES.get(path.suffix.lower())
    if kind is None:
        raise FarmProblem(
            f"{path.name} ends neither in .jsonl nor in .csv: name it as what it is.", title="Unknown kind of file"
        )
    size, at, crc32, tries = path.stat().st_size, 0, 0, 0
    notices: dict[str, None] = {}
    headers = {"Content-Type": kind} | ({} if key is None else {"Idempotency-Key": key})
    with path.open("rb") as source:
        while True:
            source.seek(at)
            part = source.read(part_bytes)
            last = at + len(part) >= size
            params = {**_texts(fields), "offset": at, "crc32": crc32, "more": str(not last).lower()}
            try:
                told = transport.post_bytes(api_path("jobs", "stream"), part, params=params, headers=headers)
            except FarmProblem as problem:
                tries += 1
                if problem.status != _CONFLICT or problem.type == _ENDED or tries > _TRIES:
                    raise
                time.sleep(_PAUSE)
                at, crc32 = 0, 0  # another process sends the same: ask where it is
                continue
            notices |= dict.fromkeys(told.get("notices", []))
            progress = read_reply(FileProgress, {**told["intake"], "job_id": told["job"]["id"], "size": size})
            if on_progress is not None:
                on_progress(progress)
            if progress.bytes == at and part and not last:
                raise FarmProblem(f"A row of {path.name} has more than {part_bytes:,} bytes.", title="Row too long")
            if progress.bytes < at:
                at, crc32 = 0, 0
            crc32 = _crc_of(source, at, progress.bytes, crc32)
            at = progress.bytes
            if crc32 != progress.crc32 or at > size or (progress.sealed and at < size):
                raise _another(path, progress)
            if progress.sealed:
                return read_reply(Job, {**told["job"], "rows": progress.rows, "notices": list(notices)})


def _another(path: Path, progress: FileProgress) -> FarmProblem:
    return FarmProblem(
        f"Under this key another file was begun (job {progress.job_id}, {progress.rows:,} rows): its first "
        f"{progress.bytes:,} bytes are not those of {path.name}. Send this one under another key.",
        type="idempotency-mismatch",
        title="Idempotency key used for another file",
        status=422,
    )


def _crc_of(source: BinaryIO, start: int, end: int, crc32: int) -> int:
    """The CRC-32 of the bytes before `end`, from that of the bytes before `start`."""
    source.seek(start)
    while start < end and (piece := source.read(min(_PIECE, end - start))):
        crc32 = zlib.crc32(piece, crc32)
        start += len(piece)
    return crc32


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    """As query parameters: texts as they are, all else as JSON."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
