"""What is plugged in as pictures, clips and masks, uploaded: fields of the farm's request that name it by its id."""

from __future__ import annotations

from typing import Any

import torch

from farm.client import FarmClient

from .tensors import clip_mp4, mask_image, picture_png


def uploaded_picture(client: FarmClient, images: torch.Tensor, field: str) -> str:
    """The id of the picture on the farm, which stores the same picture once."""
    return client.add_input(picture_png(images, field), name=f"comfyui-{field}.png").id


def uploaded_pictures(client: FarmClient, images: torch.Tensor, field: str) -> list[str]:
    """The ids of the pictures of a batch, in their order."""
    return [uploaded_picture(client, image[None], field) for image in images]


def uploaded_clip(client: FarmClient, frames: torch.Tensor, field: str, fps: float) -> str:
    """The id of a clip on the farm; of one frame that of a picture. A MASK is a grey one."""
    frames = mask_image(frames) if frames.dim() == 3 else frames
    if frames.shape[0] == 1:
        return uploaded_picture(client, frames, field)
    return client.add_input(clip_mp4(frames, fps, field), name=f"comfyui-{field}.mp4").id


def rate_of(client: FarmClient, model: str, fields: dict[str, Any]) -> int:
    """The frames a second of what is rendered: as asked, or the model's own; with it a clip is taken frame by frame."""
    if fields.get("fps"):
        return int(fields["fps"])
    shapes = (known.parameters.get("properties", {}) for known in client.models() if known.name == model)
    shape: dict[str, Any] = next(shapes, {})
    return int(shape.get("fps", {}).get("default") or 16)  # of a model that is not there the farm says so
