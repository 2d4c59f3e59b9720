"""Models in a bucket: a copy of the folder under the farm's data folder, file by file as the bucket has them now.

Beside the copy lies `.fetched.json`: the ETag, size and sha256 of each file as it came, and whether all came. A file
whose ETag in the bucket is another one is fetched again; one that was cut off goes on where it ended. A bucket that
cannot be reached is no trouble where the copy is complete.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from filelock import FileLock

from farm.catalog.source import Source
from farm.errors import NotFound, StorageDown
from farm.settings import Settings
from farm.storage import Storage, StoredVersion
from workers.model_files.disk_space import check_disk_space
from workers.model_files.download_result import Fetched, FetchFailed, ModelFile
from workers.model_files.selection import INDEX, Selection, select
from workers.model_files.weights import BadWeights, read_index, refuse_pickled

log = structlog.get_logger(__name__)

RECORD = ".fetched.json"
#: Files that are fetched side by side.
AT_ONCE = 4


@dataclass(frozen=True)
class _Known:
    """A file as it came."""

    version: str
    size: int
    sha256: str


def copy_of(bucket: str, folder: str, settings: Settings) -> Path:
    """Where the copy of a bucket's folder lies on this machine."""
    return settings.data_dir / "models" / bucket / folder


def fetch_from_bucket(source: Source, settings: Settings, *, local_only: bool = False) -> Fetched:
    """The copy of the model, brought up to date. Raises FetchFailed. With `local_only` the bucket is not asked."""
    bucket, folder = source.bucket() or ("", "")
    copy = copy_of(bucket, folder, settings)
    try:
        if local_only:
            return _as_it_is(copy, source)
        copy.mkdir(parents=True, exist_ok=True)
        with FileLock(copy / ".lock"):  # workers of one machine share the copy
            storage = Storage(settings, bucket)
            try:
                return _Copying(storage, f"{folder}/", copy, source).bring_up_to_date()
            except StorageDown as error:
                try:
                    fetched = _as_it_is(copy, source)
                except (FetchFailed, BadWeights):
                    raise error from None
                log.warning("the bucket cannot be asked, so the copy is used as it is", source=source.path)
                return fetched
            finally:
                storage.close()
    except (FetchFailed, BadWeights, StorageDown, NotFound) as error:
        raise FetchFailed(f"{source.path} could not be fetched: {error}") from error
    except OSError as error:
        reason = "the disk is full: free some space, or let FARM_DATA_DIR name a larger one"
        raise FetchFailed(f"{source.path} could not be fetched: {reason if error.errno == 28 else error}") from error


class _Copying:
    """One pass over the files of a model: what is missing or changed is fetched."""

    def __init__(self, storage: Storage, prefix: str, copy: Path, source: Source) -> None:
        self._storage, self._prefix, self._copy, self._source = storage, prefix, copy, source
        self._known, _ = _read_record(copy)
        self._lock = threading.Lock()

    def bring_up_to_date(self) -> Fetched:
        found = {item.key.removeprefix(self._prefix): item for item in self._storage.versions(self._prefix)}
        if INDEX not in found:
            raise FetchFailed(f"it holds no {INDEX}; a model folder is what save_pretrained writes")
        self._fetch(INDEX, found[INDEX])
        chosen = _select(found, self._copy, self._source)
        refuse_pickled(chosen, self._source.path or "")
        self._known = {path: known for path, known in self._known.items() if path in chosen.paths}
        wanted = {path: found[path] for path in chosen.paths if not self._has(path, found[path])}
        needed = sum(item.size for item in wanted.values())
        check_disk_space(self._copy, needed, "let FARM_DATA_DIR name a larger disk")
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(self._fetch, wanted, wanted.values()))
        _write_record(self._copy, self._known, complete=True)
        return _describe(self._copy, self._source, chosen.paths, chosen.weights, self._known)

    def _has(self, path: str, item: StoredVersion) -> bool:
        known = self._known.get(path)
        return known is not None and known.version == item.version and (self._copy / path).is_file()

    def _fetch(self, path: str, item: StoredVersion) -> None:
        """Fetch one file into place, going on where a part of this very version ends."""
        if self._has(path, item):
            return
        place = self._copy / path
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.{hashlib.sha256(item.version.encode()).hexdigest()[:16]}.part")
        digest = hashlib.sha256()
        with part.open("ab+") as stream:
            stream.seek(0)
            while piece := stream.read(1 << 20):
                digest.update(piece)
            for piece in self._storage.stream(item.key, stream.tell(), item.version):
                stream.write(piece)
                digest.update(piece)
            size = stream.tell()
        if size != item.size:
            part.unlink()
            raise FetchFailed(f"{path} came with {size} bytes where the bucket lists {item.size}; fetch it again")
        os.replace(part, place)
        with self._lock:
            self._known[path] = _Known(item.version, size, digest.hexdigest())
            _write_record(self._copy, self._known, complete=False)


def _as_it_is(copy: Path, source: Source) -> Fetched:
    known, complete = _read_record(copy)
    missing = [path for path in known if not (copy / path).is_file()]
    if not complete or missing:
        state = f"a part of a copy ({missing[0]} is missing)" if missing else "no whole copy"
        raise FetchFailed(f"there is {state} on this machine: fetch it with `farm models pull`")
    chosen = _select(known, copy, source)
    return _describe(copy, source, chosen.paths, chosen.weights, known)


def _select(paths: Mapping[str, object], copy: Path, source: Source) -> Selection:
    index = read_index(copy)
    chosen = select(paths, index, source.variant, pickle=source.pickle, single_file=source.single_file)
    for path in chosen.weights:
        if path not in paths:
            raise FetchFailed(f"it holds no file {path}: check 'source.single_file' in the catalog")
    return chosen


def _describe(copy: Path, source: Source, paths: list[str], weights: list[str], known: Mapping[str, _Known]) -> Fetched:
    files = [ModelFile(path, known[path].size, known[path].sha256) for path in paths]
    return Fetched(copy, files, weights, "the bucket", source.revision)


def _read_record(copy: Path) -> tuple[dict[str, _Known], bool]:
    """The files that came, and whether they are all."""
    try:
        said = json.loads((copy / RECORD).read_text(encoding="utf-8"))
        return {path: _Known(**values) for path, values in said["files"].items()}, said["complete"] is True
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}, False  # nothing that could be trusted: all of it is fetched again


def _write_record(copy: Path, known: Mapping[str, _Known], *, complete: bool) -> None:
    said = {"complete": complete, "files": {path: asdict(values) for path, values in sorted(known.items())}}
    new = copy / f"{RECORD}.new"
    new.write_text(json.dumps(said), encoding="utf-8")
    os.replace(new, copy / RECORD)
