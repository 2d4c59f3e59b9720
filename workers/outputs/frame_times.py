"""When which frame of an animation is shown, in the units and limits of its format."""

from itertools import pairwise

#: Milliseconds below which browsers show a frame for 100 instead; a GIF's delay of one hundredth is such a one.
SHORTEST = 11


def shown_frames(frames: int, fps: int, *, unit: int = 1, stride: int = 1) -> list[tuple[int, int]]:
    """The frames to store, of every `stride`-th, each with its milliseconds: whole units, at least SHORTEST.

    The roundings make up for each other, and frames for which there is no time are left out, so that what is stored
    ends when the clip does.
    """
    times = [round(1000 * frame / fps / unit) * unit for frame in range(frames + 1)]
    end, kept = times[-1], [0]
    for frame in range(stride, frames, stride):
        if times[frame] - times[kept[-1]] >= SHORTEST and end - times[frame] >= SHORTEST:
            kept.append(frame)
    ends = [times[frame] for frame in kept] + [end]
    return list(zip(kept, (later - now for now, later in pairwise(ends)), strict=True))
