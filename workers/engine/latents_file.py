"""The last latents of a render as a file: what the VAE decoded, for those who asked for them."""

import json
from pathlib import Path

from safetensors.torch import save_file

from workers.denoising.track import Track
from workers.families.base import Family


def save_latents(family: Family, track: Track, path: Path) -> None:
    """Write one tensor `latents`, (1, channels, …), with what it belongs to as JSON beside it. Raises OSError.

    As one text, since safetensors (0.8.0) writes several in another order each time: equal latents are equal files.
    """
    order = track.order
    about = {
        "render_id": order.render_id,
        "model": family.entry.name,
        "width": order.width,
        "height": order.height,
        "frames": order.frames,
    }
    latents = family.final_latents(track).detach().cpu().contiguous()
    save_file({"latents": latents}, path, metadata={"latent-farm": json.dumps(about, sort_keys=True)})
