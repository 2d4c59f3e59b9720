"""From the bin that was rendered to the size that was asked for."""

import torch.nn.functional as F
from diffusers.image_processor import PixArtImageProcessor
from torch import Tensor

from farm.params.sizes import Shape, cropped_by, scaled_size


def crop(image: Tensor, width: int, height: int) -> Tensor:
    """The middle of an image, (rows, channels, height, width), scaled to cover width x height pixels.

    diffusers' own crop, to the bit, wherever it gives that size. Where it would lose all but a row or a pixel, the
    image is scaled as there, but to no less than was asked for. Nothing is done where the sizes are equal.
    """
    rendered = Shape(image.shape[3], image.shape[2])
    if cropped_by(rendered, width, height) != "farm":
        whole: Tensor = PixArtImageProcessor.resize_and_crop_tensor(image, width, height)
        return whole
    scaled_width, scaled_height = scaled_size(rendered, width, height)
    scaled = F.interpolate(image, size=(scaled_height, scaled_width), mode="bilinear", align_corners=False)
    left, top = (scaled_width - width) // 2, (scaled_height - height) // 2
    return scaled[:, :, top : top + height, left : left + width]
