"""What may be asked of SANA-Video."""

from typing import Any

from farm.params.request_checks import Door
from farm.params.sana import course_parameters
from farm.params.wan import frames_asked


def sana_video_parameters(door: Door) -> dict[str, Any]:
    """All parameters but prompt, seed and the picture to begin with, which admission looks up.

    Sizes: multiples of 32. Frames: 4k + 1; with a picture at least 5, for the first one is given.
    """
    entry, request = door.entry, door.request
    door.only_of_pictures()
    width, height = door.size()
    guidance = door.real("guidance_scale", *entry.limits.guidance)
    frames = frames_asked(door)
    if request.image is not None and frames == 1:
        door.refuse("num_frames", "a clip that begins with a picture has more frames than that one; seen 1, take 5")
    return {
        "width": width,
        "height": height,
        "num_frames": frames,
        "fps": door.whole("fps", *entry.limits.fps),
        "guidance_scale": guidance,
        "negative_prompt": door.negative_prompt(guidance),
        "complex_human_instruction": door.instruction(),
        **course_parameters(door, width, height),
    }
