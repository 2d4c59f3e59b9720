"""From an order to a track: at its first step, or where its checkpoint left it."""

import time
from pathlib import Path

import structlog

from farm.params.training.trained_families import training_of
from workers.denoising import checkpoint_file
from workers.denoising.fault_isolation import synchronize
from workers.denoising.track import Track
from workers.families.base import Family
from workers.protocol import RenderOrder
from workers.training.trainer import restore_training, start_training

log = structlog.get_logger(__name__)


def begin(family: Family, order: RenderOrder, weights: str) -> Track:
    """Encode the prompts of one render and make its track; `weights` are those that its checkpoint must be of.

    Raises Refused, and whatever the model's parts raise.
    """
    started = time.perf_counter()
    track = _make(family, order, weights)
    synchronize(family.device)
    track.seconds["encode"] = track.gpu_seconds = time.perf_counter() - started
    track.seconds["steps"] = 0.0
    return track


def _make(family: Family, order: RenderOrder, weights: str) -> Track:
    prepared = family.prepare(order)
    embeddings = family.embed(prepared)
    if order.checkpoint is not None:
        try:
            saved = checkpoint_file.load(Path(order.checkpoint), order, weights)
            if training_of(prepared.parameters):
                return restore_training(family, prepared, embeddings, saved)
            return family.restore(prepared, embeddings, saved)
        except checkpoint_file.BadCheckpoint as error:
            log.warning("begins anew, as its checkpoint is of no use", render=order.render_id, reason=str(error))
    if training_of(prepared.parameters):
        return start_training(family, prepared, embeddings)
    return family.start(prepared, embeddings)
