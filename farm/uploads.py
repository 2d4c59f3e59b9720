"""Files that people upload for their renders: pictures, clips and adapters (LoRA). Looked at, then stored."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from farm.adapters.file_header import AdapterFacts
from farm.adapters.layouts import FileLayer, HeaderTensor
from farm.clip_containers import CLIP_TYPE, MOST_FRAME_PIXELS, ClipLimits, container_of, foreign_clip
from farm.confined_process import Limits, run_confined
from farm.errors import Fault, InvalidRequest, TooLarge
from farm.params.request.base import ADAPTER_SUFFIX, CLIP_SUFFIX
from farm.pictures import CONTENT_TYPE
from farm.sentences import sentence
from farm.settings import Settings

#: Of a file that is no picture: nobody is to open it in a browser.
ADAPTER_TYPE = "application/octet-stream"
#: Memory for the interpreter and its libraries (addresses, of which it uses a tenth), and for a header as JSON.
_PROGRAM_BYTES = 1_000_000_000
#: Memory for each pixel: a picture with transparency is there in RGBA, in RGB and as a file.
_BYTES_A_PIXEL = 20
#: Memory for a decoder of clips: up to 17 frames that others refer to, and one as RGB.
_FRAMES_HELD = 40 * MOST_FRAME_PIXELS
#: Processor time for a clip: every frame is decoded and coded anew.
_CLIP_SECONDS = 240
_READER = "farm.upload_inspection"


@dataclass(frozen=True)
class Upload:
    """A file as it will be stored: a picture with its width and height in pixels, a clip with its frames and their
    rate too, or an adapter and what it holds.
    """

    file: Path
    sha256: str
    content_type: str
    suffix: str
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    frame_rate: float | None = None  # frames a second
    adapter: AdapterFacts | None = None


def read_upload(name: str, file: Path, settings: Settings) -> Upload:
    """What was sent: an adapter where its name or its first bytes say so, a clip where these do, else a picture. What
    is stored of the last two takes the file's place.

    It is looked at in a process of its own, whatever it holds. Raises TooLarge or InvalidRequest for what is neither,
    or no good one, and Busy.
    """
    size = file.stat().st_size
    if not size:
        raise InvalidRequest([Fault("", "the file is empty; send a picture, a clip, or a LoRA as .safetensors")])
    with file.open("rb") as opened:
        begin = opened.read(200)
    # A JSON object behind the eight bytes of its length: no picture begins so.
    is_adapter = name.lower().endswith(ADAPTER_SUFFIX) or begin[8:9] == b"{"
    if not is_adapter and container_of(begin[:12]):
        return _clip(file, size, settings)
    if not is_adapter and (foreign := foreign_clip(begin)):
        told = (
            f"this is a clip of a kind that is not taken ({foreign}); save it as MP4 or WebM, or a picture of it as PNG"
        )
        raise InvalidRequest([Fault("", told)])
    most = settings.max_adapter_bytes if is_adapter else settings.max_input_bytes
    what = sentence("the adapter") if is_adapter else sentence("the picture")
    if size > most:
        raise TooLarge(f"{what} has {size:,} bytes and this farm accepts {most:,}; send a smaller one")
    if is_adapter:
        # Addresses: the file is mapped.
        facts = _accepted(run_confined(_READER, ["adapter", str(file)], Limits(_PROGRAM_BYTES + size), what))
        return Upload(file, facts["sha256"], ADAPTER_TYPE, ADAPTER_SUFFIX, adapter=_facts(facts))
    bounds = [str(settings.max_input_bytes), str(settings.max_input_pixels)]
    limits = Limits(_PROGRAM_BYTES + _BYTES_A_PIXEL * settings.max_input_pixels)
    facts = _accepted(run_confined(_READER, ["picture", str(file), *bounds], limits, what))
    return Upload(file, facts["sha256"], CONTENT_TYPE, ".png", facts["width"], facts["height"])


def clip_limits(settings: Settings) -> ClipLimits:
    """What this farm takes of a clip."""
    return ClipLimits(
        bytes=settings.max_clip_bytes,
        frames=settings.max_clip_frames,
        pixels=settings.max_clip_pixels,
        seconds=settings.max_clip_seconds,
    )


def _clip(file: Path, size: int, settings: Settings) -> Upload:
    if size > settings.max_clip_bytes:
        raise TooLarge(
            f"the clip has {size:,} bytes and this farm accepts {settings.max_clip_bytes:,}; send a smaller one"
        )
    memory = _PROGRAM_BYTES + _FRAMES_HELD + 3 * settings.max_clip_pixels  # the stored file is held until its end
    limits = Limits(memory, _CLIP_SECONDS)
    facts = _accepted(
        run_confined(
            _READER, ["clip", str(file), *map(str, astuple(clip_limits(settings)))], limits, sentence("the clip")
        )
    )
    sizes = {name: facts[name] for name in ("width", "height", "frames", "frame_rate")}
    return Upload(file, facts["sha256"], CLIP_TYPE, CLIP_SUFFIX, **sizes)


def _accepted(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    if "refused" not in answer:
        return answer
    if answer["refused"] == TooLarge.type:
        raise TooLarge(answer["detail"])
    raise InvalidRequest([Fault(field, message) for field, message in answer["faults"]])


def _facts(facts: Mapping[str, Any]) -> AdapterFacts:
    layers = (
        FileLayer(layer["path"], {part: _tensor(tensor) for part, tensor in layer["parts"].items()})
        for layer in facts["layers"]
    )
    return AdapterFacts(tuple(layers))


def _tensor(facts: Mapping[str, Any]) -> HeaderTensor:
    return HeaderTensor(facts["name"], facts["dtype"], tuple(facts["shape"]))
