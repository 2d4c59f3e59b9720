"""A job's artifacts into a folder, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from farm.client.errors import DownloadIncomplete
from farm.client.files.fetching import Fetcher
from farm.client.files.file_names import FileNames, NamePattern, is_whole
from farm.client.replies import Artifact, Render
from farm.errors import FarmError, Fault
from farm.file_errors import file_error


def download_renders(
    renders: Iterable[Render],
    read_render: Callable[[str], Render],
    folder: Path,
    kinds: frozenset[str],
    *,
    names: str,
    on_file: Callable[[Path], None] | None,
    parallel: int,
    farm_url: str,
    timeout: float,
    retry_seconds: float,
) -> list[Path]:
    """Put the artifacts of these kinds into `folder`, which is made. Paths in the order of the renders.

    `on_file` is called once for each file that is there and right, in that order. Raises DownloadIncomplete
    with a fault for each file that could not be had, and InvalidRequest for `names` that are no pattern.
    """
    paths_of = FileNames(folder, NamePattern(names))
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    faults: list[Fault] = []
    with (
        closing(Fetcher(farm_url, timeout=timeout, retry_seconds=retry_seconds)) as fetcher,
        ThreadPoolExecutor(parallel, thread_name_prefix="download") as threads,
    ):

        def begin(render: Render, artifact: Artifact) -> tuple[Path, Future[None]]:
            path = paths_of.path(render, artifact)
            path.parent.mkdir(parents=True, exist_ok=True)
            again = partial(_again, read_render, render.id, artifact)
            return path, threads.submit(_bring, fetcher, artifact, path, again)

        for path, fetched in _ahead(renders, read_render, kinds, begin, most=4 * parallel):
            try:
                fetched.result()
            except FarmError as error:
                faults.append(Fault(path.name, str(error)))
            except OSError as error:
                faults.append(Fault(path.name, file_error(error)))
            else:
                paths.append(path)
                if on_file is not None:
                    on_file(path)
    if faults:
        raise DownloadIncomplete(
            f"{len(faults)} of {len(faults) + len(paths)} files are missing in {folder}; "
            "run the download again, what is there is kept.",
            faults,
        )
    return paths


def _ahead(
    renders: Iterable[Render],
    read_render: Callable[[str], Render],
    kinds: frozenset[str],
    begin: Callable[[Render, Artifact], tuple[Path, Future[None]]],
    *,
    most: int,
) -> Iterator[tuple[Path, Future[None]]]:
    """Begins about `most` fetches ahead, so that links are used while fresh, and yields them in order."""
    begun: list[tuple[Path, Future[None]]] = []
    for render in renders:
        whole = render if render.artifacts is not None or render.status != "done" else read_render(render.id)
        for artifact in whole.artifacts or []:
            if artifact.kind in kinds:
                begun.append(begin(whole, artifact))
        while len(begun) > most:
            yield begun.pop(0)
    yield from begun


def _bring(fetcher: Fetcher, artifact: Artifact, path: Path, renew: Callable[[], Artifact]) -> None:
    if not is_whole(path, artifact):
        fetcher.fetch(artifact, path, renew)


def _again(read_render: Callable[[str], Render], render_id: str, artifact: Artifact) -> Artifact:
    """The same file with a fresh link."""
    for candidate in read_render(render_id).artifacts or []:
        if (candidate.kind, candidate.sha256) == (artifact.kind, artifact.sha256):
            return candidate
    raise DownloadIncomplete("the render has other files now; run the download again.")
