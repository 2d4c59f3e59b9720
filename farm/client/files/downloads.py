"""Files of jobs and renders: into a folder, or as a picture in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.errors import FarmProblem, NotRendered
from farm.client.files.downloading import download_renders
from farm.client.files.file_names import DEFAULT_PATTERN
from farm.client.lists import pages
from farm.client.replies import Render

if TYPE_CHECKING:
    from PIL.Image import Image

_NOT_FOUND = 404  # HTTP


class Downloads:
    """Fetches files over their links."""

    url: str
    _timeout: float
    _retry_seconds: float
    _transport: Transport

    def download(
        self,
        job_id: str,
        folder: str | Path,
        kinds: Sequence[str] = ("output",),
        on_file: Callable[[Path], None] | None = None,
        parallel: int = 4,
        names: str = DEFAULT_PATTERN,
    ) -> list[Path]:
        """Fetch what a job has made so far into `folder`; the paths, in the order of its renders.

        `names` is what files are called, such as '{job}/{index:04d}-{seed}.{ext}' (`farm.client.files.file_names`).
        `kinds`: output, thumbnail, manifest, poster, latents, draft; of a training also adapter and losses. Files
        that are there with the right sha256 stay, half a file goes on where it stopped, nothing appears under its name
        before its sha256 was right. Raises DownloadIncomplete when some files could not be fetched, after trying all
        others.
        """
        renders = pages(self._transport, Render, api_path("jobs", job_id, "renders"))
        return self._fetch(renders, folder, kinds, parallel, names, on_file)

    def download_render(
        self, render_id: str, folder: str | Path, kinds: Sequence[str] = ("output",), parallel: int = 4
    ) -> list[Path]:
        """Fetch the files of one render, as :meth:`download` does those of a job."""
        return self._fetch([self._render(render_id)], folder, kinds, parallel)

    def download_renders(
        self,
        renders: Iterable[Render],
        folder: str | Path,
        kinds: Sequence[str] = ("output",),
        on_file: Callable[[Path], None] | None = None,
        parallel: int = 4,
        names: str = DEFAULT_PATTERN,
    ) -> list[Path]:
        """The same of any renders, such as those of :meth:`gallery`; of one name the second gets a number."""
        return self._fetch(renders, folder, kinds, parallel, names, on_file)

    def _fetch(
        self,
        renders: Iterable[Render],
        folder: str | Path,
        kinds: Sequence[str],
        parallel: int,
        names: str = DEFAULT_PATTERN,
        on_file: Callable[[Path], None] | None = None,
    ) -> list[Path]:
        return download_renders(
            renders,
            self._render,
            Path(folder),
            frozenset(kinds),
            names=names,
            on_file=on_file,
            parallel=parallel,
            farm_url=self.url,
            timeout=self._timeout,
            retry_seconds=self._retry_seconds,
        )

    def picture_of(self, render_id: str) -> Image:
        """The picture of a render that is done; of a clip its poster. Raises NotRendered where there is none."""
        from PIL import Image

        render = self._render(render_id)
        kinds = {artifact.kind: artifact.content_type for artifact in render.artifacts or []}
        kind = "output" if kinds.get("output", "").startswith("image/") else "poster"
        if kind not in kinds:
            why = f": {render.reason}" if render.reason else ""
            raise NotRendered(f"The render {render.id} has no picture; it is {render.status}{why}")
        with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
            [path, *_] = self.download_render(render_id, folder, (kind,))
            with Image.open(path) as picture:
                picture.load()
                return picture

    def preview(self, render_id: str) -> bytes | None:
        """How a running render looks so far: a small WebP, animated for clips; None where there is nothing to show."""
        try:
            return self._transport.get_bytes(api_path("renders", render_id, "preview"), accept="image/webp")
        except FarmProblem as problem:
            if problem.status != _NOT_FOUND:
                raise
            return None

    def _render(self, render_id: str) -> Render:
        return read_reply(Render, self._transport.get(api_path("renders", render_id)))
