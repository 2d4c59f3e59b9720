"""What the engine leaves in the spool folder for its parent: pixels, latents, checkpoints."""

import shutil
from pathlib import Path

import numpy as np
import structlog
from safetensors import SafetensorError

from farm.file_errors import system_error
from workers.denoising import checkpoint_file
from workers.denoising.track import Pixels, Track
from workers.engine.latents_file import save_latents
from workers.families.base import Family
from workers.protocol import Drafted, Rendered
from workers.training.result import is_training, save_lora

log = structlog.get_logger(__name__)


class Spool:
    """One folder; who reads a file removes it. `weights` is written into checkpoints."""

    def __init__(self, folder: Path, family: Family, weights: str) -> None:
        self._folder = folder
        self._family = family
        self._weights = weights

    def keep_state(self, track: Track) -> str | None:
        """Write the track's checkpoint; its path, or None where it could not be written (the log says why)."""
        try:
            return self._keep(track, "checkpoint")
        except (OSError, TypeError) as error:
            log.warning("no checkpoint", render=track.order.render_id, error=type(error).__name__, reason=str(error))
            return None

    def keep_draft(self, track: Track) -> str:
        """The same for a track that stops: a file of its own, which leaves with the draft.

        Raises OSError, TypeError.
        """
        return self._keep(track, "draft")

    def _keep(self, track: Track, suffix: str) -> str:
        path = self._folder / f"{_name(track)}-{track.step}.{suffix}"
        if track.draft is None:
            checkpoint_file.save(track, path, self._weights)
        else:  # the track holds what is decoded, and the file what goes on
            shutil.copyfile(track.draft, path)
        return str(path)

    def deliver(self, track: Track, pixels: Pixels, batch_size: int, row: int) -> Rendered | Drafted:
        """Leave the pixels of a finished track, or of one that stopped for a draft. Raises OSError."""
        path = self._folder / f"{_name(track)}.npy"
        latents = path.with_suffix(".safetensors") if track.parameters.keep_latents and not track.draft else None
        adapter = path.with_suffix(".adapter") if is_training(track) else None
        try:
            np.save(path, pixels, allow_pickle=False)
            if latents is not None:
                save_latents(self._family, track, latents)
            if adapter is not None:
                save_lora(track, adapter)
        except (OSError, SafetensorError) as error:
            for left in filter(None, (path, latents, adapter)):
                left.unlink(missing_ok=True)
            raise error if isinstance(error, OSError) else system_error(error) from error
        taken = track.step - track.first_step
        rendered = Rendered(
            render_id=track.order.render_id,
            attempt=track.order.attempt,
            pixels_path=str(path),
            gpu_seconds=track.gpu_seconds,
            trace=track.trace,
            decode_batch_size=batch_size,
            decode_row=row,
            pass_seconds=track.pass_seconds / max(1, taken),
            seconds=track.seconds,
            latents_path=None if latents is None else str(latents),
            first_step=track.first_step,
            adapter_path=None if adapter is None else str(adapter),
            losses=track.sampler.losses if is_training(track) else [],
        )
        return rendered if track.draft is None else _draft(rendered, track, track.draft)

    def forget(self, track: Track) -> None:
        """A draft that nobody will hear of: its checkpoint goes."""
        if track.draft is not None:
            Path(track.draft).unlink(missing_ok=True)


def _name(track: Track) -> str:
    return f"{track.order.render_id}-{track.order.attempt}"


def _draft(rendered: Rendered, track: Track, checkpoint: str) -> Drafted:
    return Drafted(
        render_id=rendered.render_id,
        attempt=rendered.attempt,
        pixels_path=rendered.pixels_path,
        checkpoint_path=checkpoint,
        step=track.step,
        steps=track.steps,
        gpu_seconds=rendered.gpu_seconds,
        trace=rendered.trace,
        decode_batch_size=rendered.decode_batch_size,
        decode_row=rendered.decode_row,
        pass_seconds=rendered.pass_seconds,
        seconds=rendered.seconds,
        first_step=rendered.first_step,
    )
