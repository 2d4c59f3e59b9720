"""When a render shows what it looks like so far, and as which bytes."""

import io
import math
import time
from collections.abc import Callable, Iterator

import structlog
from PIL import Image

from workers.denoising.fault_isolation import DeviceLost, is_device_lost
from workers.denoising.out_of_memory import is_out_of_memory
from workers.denoising.track import Pixels, Track
from workers.families.base import Family
from workers.protocol import Previewed
from workers.training.result import is_training

log = structlog.get_logger(__name__)

EDGE = 256  # pixels, of the longer edge
FRAMES = 16  # of a clip, spread over its length
#: Previews take at most one part in so many of the engine's time.
_THRIFT = 50


class Previews:
    """Each render is shown at most every `seconds` (None: never), and all of them together seldom enough to cost
    little.
    """

    def __init__(self, family: Family, seconds: float | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self._family = family
        self._seconds = seconds
        self._clock = clock
        self._shown: dict[str, float] = {}  # render id → when it was shown last, or first seen
        self._cost = 0.0  # seconds that the last one took

    def due(self, track: Track) -> bool:
        """Whether to show this one after the step that it takes now."""
        if self._seconds is None:
            return False
        now = self._clock()
        since = self._shown.setdefault(track.order.render_id, now)
        return now - since >= max(self._seconds, _THRIFT * self._cost * len(self._shown))

    def make(self, track: Track, *, vae_is_free: bool) -> Iterator[Previewed]:
        """Show a track whose latents are what the render is expected to become; nothing if that cannot be.

        vae_is_free: whether nobody else decodes just now. The first preview asks the VAE, and some VAEs (Wan's) keep
        what they decode in themselves, so that two at once would be mixed.
        """
        if not (vae_is_free or self._family.colours.known):
            return
        began = self._clock()
        self._shown[track.order.render_id] = began
        learnt = self._family.colours.known  # the first time it learns, which takes many times as long
        try:
            data = encode_preview(self._family.preview(track), track)
        except Exception as error:
            if is_device_lost(error):
                raise DeviceLost(f"{type(error).__name__}: {error}") from error
            if not is_out_of_memory(error):
                self._shown[track.order.render_id] = math.inf  # worth no trouble; others may have theirs
                log.warning("no previews of a render", render=track.order.render_id, exc_info=error)
            return
        if learnt:
            self._cost = self._clock() - began
        yield Previewed(track.order.render_id, track.order.attempt, track.step, track.steps, data)

    def learn(self, track: Track, pixels: Pixels) -> None:
        """Let the family's colours learn from what has been decoded, unless it was cut to another size."""
        order, colours = track.order, self._family.colours
        whole = pixels.shape[-3:-1] == (order.height, order.width) and self._family.shows_all(track)
        whole = whole and not is_training(track)  # whose sheet may have the same size by chance
        if self._seconds is not None and whole and not colours.enough:
            colours.learn(self._family.final_latents(track), pixels)

    def forget(self, render_id: str) -> None:
        self._shown.pop(render_id, None)


def encode_preview(pixels: Pixels, track: Track) -> bytes:
    """A WebP of EDGE pixels, whatever the size of `pixels`; animated, as long as the clip will be."""
    frames = pixels if pixels.ndim == 4 else pixels[None]
    stride = -(-len(frames) // FRAMES)
    images = [Image.fromarray(frame) for frame in frames[::stride]]
    scale = EDGE / max(images[0].size)
    size = (max(1, round(images[0].width * scale)), max(1, round(images[0].height * scale)))
    images = [image.resize(size, Image.Resampling.BICUBIC) for image in images]
    buffer = io.BytesIO()
    seconds = track.parameters.frames / (getattr(track.parameters, "fps", None) or 16)
    animated = {"save_all": True, "append_images": images[1:], "duration": round(1000 * seconds / len(images))}
    images[0].save(buffer, "WEBP", quality=60, method=0, **(animated | {"loop": 0} if len(images) > 1 else {}))
    return buffer.getvalue()
