"""From a request in OpenAI's words to the job that the farm would get from anybody else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from dashboard.openai.bodies import Sent
from dashboard.openai.fields import MEANINGLESS, OWN, OWN_OF_CLIPS, Fields, PictureFields, VideoFields
from dashboard.problems import from_validation
from farm.catalog import ModelEntry
from farm.did_you_mean import did_you_mean
from farm.errors import Fault, InvalidRequest
from farm.params.families import family_named
from farm.params.pictures import takes_picture
from farm.params.request.base import PICTURES
from farm.params.request.submission import shown

F = TypeVar("F", bound=Fields)
_LISTS = ("loras", "post_processors")


@dataclass(frozen=True)
class Asked(Generic[F]):
    """What was asked: their fields, checked, and the farm's own as they came."""

    fields: F
    own: Mapping[str, Any]


def read_fields(sent: Sent, kind: type[F], files: Iterable[str] = ()) -> Asked[F]:
    """The fields of a request; `files` are those that this endpoint takes. Raises InvalidRequest with every fault."""
    own_names = (*OWN, *OWN_OF_CLIPS) if kind is VideoFields else OWN
    theirs = {name: value for name, value in sent.fields.items() if name in kind.model_fields}
    own = {name: value for name, value in sent.fields.items() if name in own_names and name not in theirs}
    rest = {name: value for name, value in sent.fields.items() if name not in theirs and name not in own}
    faults = _meaningless(rest, sent.files) + _unknown(
        rest, sent.files, (*kind.model_fields, *own_names, *files), files
    )
    faults += [
        Fault(f"/{name}", "takes one value here; lists are for POST /api/v1/jobs")
        for name, value in own.items()
        if isinstance(value, list) and name not in _LISTS
    ]
    try:
        fields = kind.model_validate(_numbers(theirs), strict=sent.typed)
    except ValidationError as error:
        raise InvalidRequest([*faults, *from_validation(error, "").faults]) from None
    if faults:
        raise InvalidRequest(faults)
    return Asked(fields, own)


def picture_job(asked: Asked[PictureFields], entry: ModelEntry) -> dict[str, Any]:
    """The job of so many pictures. Raises InvalidRequest."""
    fields = asked.fields
    if fields.stream and fields.n > 1:
        raise InvalidRequest([Fault("/n", "must be 1 with stream: previews do not say of which picture they are")])
    job = _job(fields, asked.own)
    if fields.n > 1:
        job["seed_count"] = fields.n
    if fields.output_format is not None:
        job["output_format"] = fields.output_format
    if fields.output_compression is not None:
        job["output_quality"] = fields.output_compression
    if makes_clips(entry):
        job["num_frames"] = 1  # a still
    return job


def video_job(asked: Asked[VideoFields], entry: ModelEntry) -> dict[str, Any]:
    """The job of one clip. Raises InvalidRequest."""
    if not makes_clips(entry):
        text = f"{entry.name} makes pictures; ask for them at /v1/images/generations"
        raise InvalidRequest([Fault("/model", text)])
    job = _job(asked.fields, asked.own)
    if asked.fields.seconds is not None:
        if "num_frames" in asked.own:
            raise InvalidRequest([Fault("/seconds", "give seconds or num_frames, not both")])
        job["num_frames"] = _frames(asked.fields.seconds, asked.own.get("fps"), entry)
    return job


def picture_field(entry: ModelEntry) -> str:
    """Under which name a model takes a picture: to start from, or to be steered by. Raises InvalidRequest."""
    parameters = family_named(entry.family).parameters
    for name in PICTURES:
        if takes_picture(parameters, name):
            return name
    raise InvalidRequest([Fault("/model", f"{entry.name} takes no picture, only a prompt")])


def makes_clips(entry: ModelEntry) -> bool:
    """Whether a model's outputs may have several frames."""
    return entry.limits.frames[1] > 1


def _job(fields: Fields, own: Mapping[str, Any]) -> dict[str, Any]:
    job: dict[str, Any] = {"model": fields.model, "prompt": fields.prompt, **own}
    if fields.size == "auto":
        return job
    width, cross, height = fields.size.partition("x")
    if not (cross and all(side.isascii() and side.isdigit() and len(side) <= 5 for side in (width, height))):
        raise InvalidRequest(
            [Fault("/size", f"must be auto or WIDTHxHEIGHT, like 1024x1024; seen {shown(fields.size)}")]
        )
    return job | {"width": int(width), "height": int(height)}


def _frames(seconds: float, asked_fps: Any, entry: ModelEntry) -> int:
    """The frames of a clip that lasts so long: from the first to the last, so one more than fills the time."""
    # One that the model cannot have is refused as such later.
    possible = isinstance(asked_fps, int) and 1 <= asked_fps <= entry.limits.fps[1]
    fps = asked_fps if possible else entry.defaults.get("fps")
    if fps is None:
        raise InvalidRequest([Fault("/seconds", f"{entry.name} has no frames a second of its own; say num_frames")])
    multiple = entry.frame_multiple
    frames: int = round(seconds * fps / multiple) * multiple + 1
    low, high = entry.limits.frames
    if not max(low, 2) <= frames <= high:
        longest = (high - 1) / fps
        text = f"{entry.name} makes clips of up to {longest:g} seconds at {fps} frames a second; seen {seconds:g}"
        raise InvalidRequest([Fault("/seconds", text)])
    return frames


def _numbers(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Their package types `seconds` as a text, and others send a number: both are taken."""
    seconds = theirs.get("seconds")
    if isinstance(seconds, str):
        try:
            return {**theirs, "seconds": float(seconds)}
        except ValueError:
            pass
    elif isinstance(seconds, int) and not isinstance(seconds, bool):
        return {**theirs, "seconds": float(seconds)}
    return dict(theirs)


def _meaningless(rest: Mapping[str, Any], files: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for name in (name for name in MEANINGLESS if name in rest or name in files):
        field, value = MEANINGLESS[name], rest.get(name)
        if value in field.taken:
            continue
        leave_out = f"leave it out, or send {' or '.join(field.taken)}" if field.taken else "leave it out"
        faults.append(Fault(f"/{name}", f"has no meaning here, {leave_out}: {field.why}"))
    return faults


def _unknown(
    rest: Mapping[str, Any], sent_files: Mapping[str, Any], known: Iterable[str], files: Iterable[str]
) -> list[Fault]:
    names = [name for name in rest if name not in MEANINGLESS]
    names += [name for name in sent_files if name not in MEANINGLESS and name not in files]
    return [Fault(f"/{name[:80]}", f"unknown field; {did_you_mean(name, known, show=5)}") for name in names[:20]]
