"""What a training leaves when it has ended: a sheet of its samples, and the LoRA as diffusers writes one."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from PIL import Image
from safetensors.torch import save_file

from workers.denoising.track import Pixels, Track
from workers.families.base import Family
from workers.training.trainer import sample_tracks
from workers.training.training_state import LoraTraining, lora_config

#: The longer edge of a sheet of clips, in pixels: what every player takes, and every page shows.
CLIP_SHEET = 1920
#: What peft says of a LoRA that decides how it works; the rest are its defaults, and of this version of it.
_SAID = ("peft_type", "r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern", "use_dora", "lora_bias")


def is_training(track: Track) -> bool:
    """Whether a track trains a LoRA."""
    return isinstance(track.sampler, LoraTraining)


def decode(family: Family, tracks: Sequence[Track]) -> list[Pixels | None]:
    """Pixels of finished tracks: of a training a sheet of its samples, the first at the top left."""
    return [_sheet(family, track) for track in tracks] if is_training(tracks[0]) else family.decode(tracks)


def _sheet(family: Family, track: Track) -> Pixels | None:
    """(height, width, 3), or of clips (frames, height, width, 3): all play at once. One after the other is decoded, and
    laid down: sixty clips in full size are more than the memory of most machines.
    """
    samples = sample_tracks(track)
    columns = math.ceil(math.sqrt(len(samples)))
    rows = -(-len(samples) // columns)
    sheet: Pixels | None = None
    for place, sample in enumerate(samples):
        pixels = family.decode([sample])[0]
        if pixels is None:
            return None
        cell = _scaled(pixels, columns, rows)
        height, width, channels = cell.shape[-3:]
        if sheet is None:
            sheet = np.full((*cell.shape[:-3], rows * height, columns * width, channels), 255, np.uint8)
        top, left = place // columns * height, place % columns * width
        sheet[..., top : top + height, left : left + width, :] = cell
    return sheet


def _scaled(pixels: Pixels, columns: int, rows: int) -> Pixels:
    """A clip as it lies on a sheet that is to be no larger than CLIP_SHEET; a picture as it is."""
    if pixels.ndim == 3:
        return pixels
    height, width = pixels.shape[1:3]
    scale = min(1.0, CLIP_SHEET / max(columns * width, rows * height))
    if scale == 1.0:
        return pixels
    size = tuple(max(2, round(edge * scale / 2) * 2) for edge in (width, height))  # video has even edges
    return np.stack([np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)) for frame in pixels])


def save_lora(track: Track, path: Path) -> None:
    """Write the LoRA with the names of diffusers: `pipe.load_lora_weights` takes the file as it is.

    Equal weights are equal bytes: the metadata have one key, since safetensors writes several in any order.
    Raises OSError, SafetensorError.
    """
    state: LoraTraining = track.sampler
    told = lora_config(state.plan).to_dict()  # type: ignore[no-untyped-call]
    about = {f"transformer.{name}": told[name] for name in _SAID if name in told}
    about["transformer.target_modules"] = sorted(told["target_modules"])
    weights = {
        f"transformer.{name}": weight.detach().contiguous().cpu() for name, weight in state.named_weights.items()
    }
    save_file(weights, path, metadata={LORA_ADAPTER_METADATA_KEY: json.dumps(about, sort_keys=True, default=str)})
