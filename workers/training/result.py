"""What a training leaves when it has ended: a sheet of its samples, and the LoRA as diffusers writes one."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from safetensors.torch import save_file

from workers.denoising.track import Pixels, Track
from workers.families.base import Family
from workers.training.trainer import sample_tracks
from workers.training.training_state import LoraTraining, lora_config

#: What peft says of a LoRA that decides how it works; the rest are its defaults, and of this version of it.
_SAID = ("peft_type", "r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern", "use_dora", "lora_bias")


def is_training(track: Track) -> bool:
    """Whether a track trains a LoRA."""
    return isinstance(track.sampler, LoraTraining)


def decode(family: Family, tracks: Sequence[Track]) -> list[Pixels | None]:
    """Pixels of finished tracks: of a training a sheet of its samples, the first at the top left."""
    return [_sheet(family, track) for track in tracks] if is_training(tracks[0]) else family.decode(tracks)


def _sheet(family: Family, track: Track) -> Pixels | None:
    samples = [family.decode([sample])[0] for sample in sample_tracks(track)]
    shown = [pixels for pixels in samples if pixels is not None]
    if len(shown) < len(samples):
        return None
    columns = math.ceil(math.sqrt(len(shown)))
    rows = -(-len(shown) // columns)
    height, width, channels = shown[0].shape
    sheet = np.full((rows * height, columns * width, channels), 255, np.uint8)
    for place, pixels in enumerate(shown):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = pixels
    return sheet


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
        f"transformer.{name}": weight.detach().contiguous().cpu()
        for name, weight in zip(state.names, state.weights, strict=True)
    }
    save_file(weights, path, metadata={LORA_ADAPTER_METADATA_KEY: json.dumps(about, sort_keys=True, default=str)})
