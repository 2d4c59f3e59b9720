"""In which format an output is stored: what may be asked, and what a render takes where nothing is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm.catalog.schema import ModelEntry
from farm.did_you_mean import did_you_mean
from farm.params.best_of import plugin_parameters
from farm.params.request.submission import shown
from farm.params.request_checks import RequestChecks

#: Smallest and largest `output_quality`.
QUALITY = (1, 100)
#: A GIF counts in hundredths of a second, and browsers show a frame of one hundredth for ten.
GIF_FPS = 50


@dataclass(frozen=True)
class Format:
    """What a format can hold, and the quality it takes where nothing is said (none: it has no such choice)."""

    stills: bool
    clips: bool
    quality: int | None
    about: str


FORMATS: Mapping[str, Format] = {
    "png": Format(stills=True, clips=False, quality=None, about="every bit, large"),
    "webp": Format(stills=True, clips=True, quality=90, about="small; at 100 every bit"),
    "jpeg": Format(stills=True, clips=False, quality=92, about="everybody reads it"),
    "avif": Format(stills=True, clips=False, quality=80, about="the smallest"),
    "mp4": Format(stills=False, clips=True, quality=80, about="H.264"),
    "gif": Format(stills=False, clips=True, quality=None, about="256 colours, plays anywhere"),
}


def formats_of(entry: ModelEntry) -> list[str]:
    """The formats that a model's outputs may have, the default first."""
    clips = entry.limits.frames[1] > 1
    found = [name for name, form in FORMATS.items() if form.stills or clips]
    return sorted(found, key=lambda name: name != ("mp4" if clips else "png"))


def default_format(frames: int) -> str:
    """What an output is stored as where nobody says: PNG for a still, MP4 for a clip."""
    return "mp4" if frames > 1 else "png"


def output_parameters(checks: RequestChecks, frames: int, fps: int | None) -> dict[str, Any]:
    """`output_format`, `output_quality`, `keep_latents` and plugins of renders with that many frames."""
    request = checks.request
    name = request.output_format if isinstance(request.output_format, str) else default_format(frames)
    quality = request.output_quality if isinstance(request.output_quality, int) else None
    found = _checked(checks, name, frames)
    if quality is not None:
        if not QUALITY[0] <= quality <= QUALITY[1]:
            checks.refuse("output_quality", f"must be between {QUALITY[0]} and {QUALITY[1]}; seen {shown(quality)}")
        elif found is not None and found.quality is None:
            checks.tell("output_quality", f"has no effect: {name} has no levels of quality")
            quality = None
    elif found is not None:
        quality = found.quality
    if name == "gif" and frames > 1 and fps is not None and fps > GIF_FPS:
        checks.tell(
            "fps", f"a gif shows at most {GIF_FPS} frames a second: of {fps} some are left out, to hold the time"
        )
    found_by_name = plugin_parameters(checks)
    return found_by_name | {
        "output_format": name,
        "output_quality": quality,
        "keep_latents": bool(request.keep_latents),
    }


def _checked(checks: RequestChecks, name: str, frames: int) -> Format | None:
    offered = formats_of(checks.entry)
    if frames > 1:
        offered = [name for name in offered if FORMATS[name].clips]
    if name in offered:
        return FORMATS[name]
    if name in FORMATS:
        holds = "one picture, and this is a clip" if frames > 1 else "clips, and this is a picture"
        message = f"{name} holds {holds}; take {', '.join(offered[:-1])} or {offered[-1]}"
    else:
        message = f"{shown(name)} is unknown; {did_you_mean(name, offered, show=len(offered))}"
    checks.refuse("output_format", message)
    return None
