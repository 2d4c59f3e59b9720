"""What stands for an output before it is opened: its thumbnail, and a clip's poster.

As in `workers.outputs.encode`, the same pixels give the same bytes.
"""

import io

from PIL import Image

from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.encode import EncodedFile, Pixels, frames_of
from workers.outputs.frame_times import shown_frames
from workers.outputs.image_file import encode_webp

THUMBNAIL_EDGE = 320  # pixels of the longer edge
THUMBNAIL_FRAMES = 24  # of a clip, spread over its length
POSTER_QUALITY = 90


def encode_poster(pixels: Pixels, metadata: EmbeddedMetadata) -> EncodedFile:
    """The first frame of a clip at full size, to be shown until it plays."""
    first = Image.fromarray(frames_of(pixels)[0])
    data = encode_webp(first, metadata, POSTER_QUALITY)
    return EncodedFile("poster.webp", "image/webp", data, first.width, first.height, 1)


def encode_thumbnail(pixels: Pixels, *, fps: int | None) -> EncodedFile:
    """A small WebP; animated when the render is a clip."""
    frames, rate = frames_of(pixels), fps or 16
    stride = max(1, -(-len(frames) // THUMBNAIL_FRAMES))
    shown = shown_frames(len(frames), rate, stride=stride)
    images = [Image.fromarray(frames[frame]) for frame, _ in shown]
    for image in images:
        image.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE), Image.Resampling.LANCZOS)
    durations = [milliseconds for _, milliseconds in shown]
    animation = {"save_all": True, "append_images": images[1:], "duration": durations, "loop": 0}
    buffer = io.BytesIO()
    # Method 2 takes half the time of 4 for files 4 % larger.
    images[0].save(buffer, "WEBP", quality=80, method=2, **(animation if len(images) > 1 else {}))
    first = images[0]
    return EncodedFile("thumbnail.webp", "image/webp", buffer.getvalue(), first.width, first.height, len(images))
