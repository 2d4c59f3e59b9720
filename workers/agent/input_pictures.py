"""Uploaded pictures and clips that renders start from or follow, as files on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from farm.errors import NotFound
from farm.file_errors import is_disk_full
from farm.params.pictures import stored_pictures
from farm.params.request.base import CLIP_SUFFIX, ClipRef
from farm.params.training.stored import training_inputs
from farm.storage import Storage
from workers.file_cache import KeptFiles
from workers.protocol import training_example

log = structlog.get_logger(__name__)

#: Kept in the folder: far more than a worker holds renders, as the engine reads them later.
MOST_KEPT = 5_000
#: Clips are large, up to some hundred MB.
MOST_CLIPS_KEPT = 64


class Pictures:
    """The pictures and clips of one worker. `folder` is its own, and is made here."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._kept = KeptFiles(storage, folder, suffix=".png", most=MOST_KEPT)
        self._clips = KeptFiles(storage, folder, suffix=CLIP_SUFFIX, most=MOST_CLIPS_KEPT)

    def files_for(self, parameters: Mapping[str, Any], render_id: str) -> dict[str, str]:
        """Local files by the name of the parameter; those that a training learns from by `training_example`.

        One that is gone or not what was uploaded is left out: the family then refuses the render, and says which it
        lacks. Raises StorageDown, and OSError where the disk has no room: neither is the render's fault.
        """
        files: dict[str, str] = {}
        learnt = training_inputs(parameters)
        asked = stored_pictures(parameters) | {training_example(picture.sha256): picture for picture in learnt}
        together = frozenset(picture.sha256 for picture in asked.values())
        for name, picture in asked.items():
            kept = self._clips if isinstance(picture, ClipRef) else self._kept
            try:
                files[name] = str(kept.file(picture.key, picture.sha256, together=together))
            except (NotFound, OSError, ValueError) as error:
                if is_disk_full(error):
                    raise
                log.warning("a picture cannot be had", render=render_id, parameter=name, reason=str(error))
        return files
