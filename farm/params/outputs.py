"""In which format an output is stored: what may be asked, and what a render takes where nothing is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm.catalog.schema import ModelEntry
from farm.did_you_mean import did_you_mean
from farm.params.checks.collector import Checked, Notice, Said, noticed, refused
from farm.params.checks.plugins import check_plugins
from farm.params.request.job_request import JobRequest
from farm.params.request.submission import pointer, shown
from farm.sentences import sentence

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


def check_output(request: JobRequest, entry: ModelEntry, frames: int, fps: int | None) -> Checked[dict[str, Any]]:
    """`output_format`, `output_quality`, `keep_latents` and plugins of renders with that many frames."""
    name = request.output_format if isinstance(request.output_format, str) else default_format(frames)
    asked = request.output_quality if isinstance(request.output_quality, int) else None
    form, wrong_format = _check_format(name, frames, entry)
    quality, said_of_quality = _check_quality(asked, name, form)
    values, wrong_plugins = check_plugins(request, frames)
    values |= {"output_format": name, "output_quality": quality, "keep_latents": bool(request.keep_latents)}
    return values, wrong_format + said_of_quality + _gif_notices(name, frames, fps) + wrong_plugins


def _check_format(name: str, frames: int, entry: ModelEntry) -> Checked[Format | None]:
    """The format of that name, if the model's outputs of so many frames may have it."""
    offered = formats_of(entry)
    if frames > 1:
        offered = [name for name in offered if FORMATS[name].clips]
    if name in offered:
        return FORMATS[name], ()
    if name in FORMATS:
        holds = "one picture, and this is a clip" if frames > 1 else "clips, and this is a picture"
        message = f"{name} holds {holds}; take {', '.join(offered[:-1])} or {offered[-1]}"
    else:
        message = f"{shown(name)} is unknown; {did_you_mean(name, offered, show=len(offered))}"
    return refused(None, "output_format", message)


def _check_quality(asked: int | None, name: str, form: Format | None) -> Checked[int | None]:
    """The quality as asked, or as fits the format; none where that has no such choice."""
    if asked is None:
        return (form.quality if form else None), ()
    if not QUALITY[0] <= asked <= QUALITY[1]:
        rule = sentence(
            "must be between %(low)s and %(high)s; seen %(seen)s", low=QUALITY[0], high=QUALITY[1], seen=shown(asked)
        )
        return refused(asked, "output_quality", rule)
    if form is None or form.quality is not None:
        return asked, ()
    return noticed(None, "output_quality", sentence("has no effect: %(name)s has no levels of quality", name=name))


def _gif_notices(name: str, frames: int, fps: int | None) -> Said:
    if name != "gif" or frames <= 1 or fps is None or fps <= GIF_FPS:
        return ()
    text = sentence(
        "a gif shows at most %(most)s frames a second: of %(fps)s some are left out, to hold the time",
        most=GIF_FPS,
        fps=fps,
    )
    return (Notice(pointer("fps"), text),)
