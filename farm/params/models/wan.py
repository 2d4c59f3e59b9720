"""What may be asked of Wan."""

from typing import Any

from farm.catalog.schema import ModelEntry
from farm.catalog.supported_features import ABILITIES
from farm.params.checks.collector import Checked, refused
from farm.params.checks.family_checks import FamilyChecks
from farm.params.checks.numbers import check_whole

#: The video VAE packs the first frame alone and then so many at a time.
FRAMES_PER_LATENT = ABILITIES["wan"].frames_per_latent or 1


def wan_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """All parameters but prompt and seed. Sizes: multiples of 16. Frames: 4k + 1; one is a still.

    The pipeline itself would round other frame counts (12 up to 13, 10 down to 9) with only a warning.
    """
    checks.only_of_pictures()
    return clip_parameters(checks)


def experts_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """The same for models of two experts, each with a guidance scale of its own."""
    return with_second_guidance(checks, wan_parameters(checks))


def with_second_guidance(checks: FamilyChecks, checked: dict[str, Any]) -> dict[str, Any]:
    """Add the second expert's guidance scale: as asked; as the first's, where only that was given; or the model's.

    Whether there is guidance at all the first scale decides, as in the pipelines: at 1 the second has no effect.
    """
    first, second = checks.asked("guidance_scale"), checks.asked("guidance_scale_2")
    if second is None and (first is not None or "guidance_scale_2" not in checks.entry.defaults):
        return checked | {"guidance_scale_2": checked["guidance_scale"]}
    scale = checks.real("guidance_scale_2", *checks.entry.limits.guidance)
    if second is not None and scale > 1 and checked["guidance_scale"] <= 1:
        checks.tell("guidance_scale_2", "has no effect at guidance_scale 1; take more than 1 there")
    return checked | {"guidance_scale_2": scale}


def image_to_video_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """The same for models that begin with a picture, but for the picture itself, which admission looks up."""
    checks.only_of_pictures()
    checks.needs_picture("image", "makes clips that begin with a picture")
    return clip_parameters(checks)


def first_last_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """The same for models that make a clip between two pictures."""
    checks.only_of_pictures()
    for name in ("image", "last_image"):
        checks.needs_picture(name, "makes clips between a first and a last picture")
    found = clip_parameters(checks)
    refuse_a_picture_alone(checks, found["num_frames"])
    return found


def experts_image_to_video_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """The same for models of two experts that begin with a picture, and may end with another."""
    found = image_to_video_parameters(checks)
    if checks.request.last_image is not None:
        refuse_a_picture_alone(checks, found["num_frames"])
    return with_second_guidance(checks, found)


def text_image_to_video_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """The same for a model that may begin with a picture. Sizes: multiples of 32."""
    found = wan_parameters(checks)
    refuse_a_picture_alone(checks, found["num_frames"])
    return found


def refuse_a_picture_alone(checks: FamilyChecks, frames: int) -> None:
    """A fault for a clip of the given first frame and no more."""
    if checks.request.image is not None and frames == 1:
        least = 1 + checks.entry.frame_multiple
        checks.refuse(
            "num_frames", f"a clip that begins with a picture has more frames than that one; seen 1, take {least}"
        )


def clip_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """What every clip by Wan has, whatever it begins with or follows."""
    entry = checks.entry
    checks.refuse_given("complex_human_instruction", f"{entry.name} has no instruction before the prompt")
    width, height = checks.size()
    guidance = checks.real("guidance_scale", *entry.limits.guidance)
    return {
        "width": width,
        "height": height,
        "num_frames": frames_asked(checks),
        "fps": checks.whole("fps", *entry.limits.fps),
        "num_inference_steps": checks.whole("num_inference_steps", *entry.limits.steps),
        "guidance_scale": guidance,
        "negative_prompt": checks.negative_prompt(guidance),
        "sampler": checks.sampler(),
        "flow_shift": checks.flow_shift(width, height),
    }


def frames_asked(checks: FamilyChecks) -> int:
    """The frames of a clip, of which the video VAE can make just so many."""
    return checks.take(check_frames(checks.asked("num_frames"), checks.entry))


def check_frames(given: int | None, entry: ModelEntry) -> Checked[int]:
    """The frames as asked, or as the model has them: 4k + 1 (or what its entry says) within its limits."""
    (low, high), multiple = entry.limits.frames, entry.frame_multiple
    frames, said = check_whole("num_frames", given, entry, low, high)
    if said or (frames - 1) % multiple == 0:
        return frames, said
    below = (frames - 1) // multiple * multiple + 1
    legal = [count for count in (below, below + multiple) if low <= count <= high]
    take = " or ".join(map(str, legal))
    return refused(
        frames,
        "num_frames",
        f"must be 1 more than a multiple of {multiple} for {entry.name}; seen {frames}, take {take}",
    )
