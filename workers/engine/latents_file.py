"""The last latents of a render as a file: what the VAE decoded, for those who asked for them."""

from pathlib import Path

from safetensors.torch import save_file

from workers.denoising.track import Track
from workers.families.base import Family


def save_latents(family: Family, track: Track, path: Path) -> None:
    """Write one tensor `latents`, (1, channels, …), with what it belongs to as text beside it. Raises OSError."""
    order = track.order
    about = {
        "render_id": order.render_id,
        "model": family.entry.name,
        "width": str(order.width),
        "height": str(order.height),
        "frames": str(order.frames),
    }
    save_file({"latents": family.final_latents(track).detach().cpu().contiguous()}, path, metadata=about)
