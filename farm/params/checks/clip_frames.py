"""Which frames of an uploaded clip a render takes: of each of its own moments the nearest."""

from math import floor


def frames_taken(num_frames: int, fps: int, frame_rate: float) -> list[int]:
    """For each frame of a render of `fps` frames a second the place of the clip's frame, of `frame_rate` a second.

    Frame i is shown at i / fps seconds, and takes the frame of the clip that is nearest to that moment (of two the
    later one). At the same rate these are the clip's own frames from its first on. Places may lie behind its end.
    """
    return [floor(place * frame_rate / fps + 0.5) for place in range(num_frames)]


def frames_there(frames: int, frame_rate: float, fps: int) -> int:
    """How many frames of a render a clip of so many has something for."""
    count = floor(frames * fps / frame_rate) + 2
    while count > 0 and floor((count - 1) * frame_rate / fps + 0.5) >= frames:
        count -= 1
    return count
