"""What one visitor of the page has: the jobs that run for him, and what came out of earlier ones."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from farm.client import FarmClient, Render
from farm.errors import FarmError

#: Pictures and clips that a visitor's gallery keeps, the newest.
MOST_SHOWN = 100


@dataclass
class Session:
    """Nothing of it is ever shown to another visitor."""

    #: Where the files of visitors lie, each in a folder of its own.
    folders: Path
    job_ids: set[str] = field(default_factory=set)
    #: The newest first: a file, and what stands below it.
    gallery: list[tuple[str, str]] = field(default_factory=list)
    folder: Path | None = None

    def fetch(self, farm: FarmClient, render: Render) -> None:
        """Put what a render has made into the gallery. Raises DownloadIncomplete, FarmProblem."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="visit-", dir=self.folders))
        caption = f"seed {render.parameters.get('seed')}: {render.parameters.get('prompt')}"
        for path in farm.download_render(render.id, self.folder):
            self.gallery.insert(0, (str(path), caption))
        for forgotten, _ in self.gallery[MOST_SHOWN:]:
            Path(forgotten).unlink(missing_ok=True)
        del self.gallery[MOST_SHOWN:]

    def cancel(self, farm: FarmClient) -> None:
        """Cancel what runs for this visitor. Raises FarmError."""
        for job_id in list(self.job_ids):
            farm.cancel(job_id)

    def end(self, farm: FarmClient) -> None:
        """The visitor has left: nobody will see what still runs, nor what there was."""
        with suppress(FarmError):
            self.cancel(farm)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
