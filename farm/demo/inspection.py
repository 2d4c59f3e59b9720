"""Looks at the files that a job of the demo brought: all there, whole, playable, and what was asked for?"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from farm.client import Render
from farm.client.files.file_names import file_name
from farm.demo.checker import check_clip, check_picture
from farm.demo.demo_jobs import Stop
from farm.demo.pair_checker import check_pair
from farm.demo.pairs import Pair
from farm.demo.rates import Rates
from farm.demo.scenes import Scene
from farm.errors import InvalidRequest
from farm.manifest import Manifest, read_manifest

#: What every render of the demo must have brought.
KINDS = ("output", "thumbnail", "manifest")


@dataclass(frozen=True)
class Finding:
    """What was found in the files of one stop. `wrong` is empty when all is as it must be."""

    stop: Stop
    outputs: int
    right: int  # shows all that was asked
    least: int  # so many must be right, by the model's own rate
    rate: float
    largest_batch: int  # renders in one pass
    wrong: list[str]


def inspect(stop: Stop, renders: Sequence[Render], folder: Path, rates: Rates) -> Finding:
    """Look at what was downloaded into `folder` for these renders."""
    wrong: list[str] = []
    right, largest_batch, outputs = 0, 0, 0
    for render in renders:
        paths = {artifact.kind: folder / file_name(render, artifact) for artifact in render.artifacts or []}
        missing = [kind for kind in KINDS if kind not in paths or not paths[kind].is_file()]
        if render.status != "done" or missing:
            wrong.append(f"render {render.index} is {render.status}, and lacks {', '.join(missing) or 'nothing'}")
            continue
        outputs += 1
        try:
            manifest = read_manifest(paths["manifest"])
            largest_batch = max([largest_batch, *(step.batch_size for step in manifest.steps)])
            wrong += [f"render {render.index}: {fault}" for fault in _disagreements(manifest, render, paths)]
            frames = read_frames(paths["output"])
        except (OSError, InvalidRequest) as error:
            wrong.append(f"render {render.index} cannot be read: {error}")
            continue
        wrong += [f"render {render.index}: {fault}" for fault in _misfits(frames, render)]
        right += _shows(frames, stop.scenes[str(render.parameters["prompt"])], clip=stop.clip)
    least = rates.least_right(len(stop.scenes))
    if right < least:
        wrong.append(
            f"only {right} of {len(stop.scenes)} show what was asked; a model that is right in "
            f"{rates.all:.0%} of all cases, as its card says, has at least {least}"
        )
    if not stop.clip and largest_batch < 2:
        wrong.append("no two renders shared a pass")
    return Finding(stop, outputs, right, least, rates.all, largest_batch, wrong)


def read_frames(path: Path) -> list[Image.Image]:
    """All frames of a picture or a clip, decoded. Raises OSError when it cannot be played."""
    if path.suffix != ".mp4":
        with Image.open(path) as picture:
            return [picture.convert("RGB")]
    from imageio_ffmpeg import get_ffmpeg_exe  # comes with the worker's extra; only whoever looks at clips needs it

    decode = [get_ffmpeg_exe(), "-v", "error", "-xerror", "-i", str(path), "-f", "image2pipe", "-c:v", "ppm", "-"]
    played = subprocess.run(decode, capture_output=True, check=False)
    if played.returncode != 0:
        raise OSError(f"{path.name} does not play: {played.stderr.decode(errors='replace').strip()}")
    return _from_ppm(played.stdout)


def _from_ppm(stream: bytes) -> list[Image.Image]:
    """Pictures of one size, written one after the other as binary PPM."""
    header = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", stream)
    if header is None:
        return []
    size = int(header[1]), int(header[2])
    begin, length = header.end(), header.end() + size[0] * size[1] * 3
    return [
        Image.frombytes("RGB", size, stream[place + begin : place + length]) for place in range(0, len(stream), length)
    ]


def _disagreements(manifest: Manifest, render: Render, paths: dict[str, Path]) -> list[str]:
    """Where the manifest and what came with it do not fit."""
    faults = []
    if manifest.render_id != render.id or manifest.parameters != render.parameters:
        faults.append("its manifest is of another render")
    if manifest.output.sha256 != hashlib.sha256(paths["output"].read_bytes()).hexdigest():
        faults.append("its manifest tells of another file")
    return faults


def _misfits(frames: Sequence[Image.Image], render: Render) -> list[str]:
    """Where size and length are not those asked for."""
    asked = (render.parameters["width"], render.parameters["height"], render.parameters.get("num_frames", 1))
    seen = (*frames[0].size, len(frames)) if frames else (0, 0, 0)
    if seen == asked:
        return []
    return [f"has {seen[0]} x {seen[1]} pixels and {seen[2]} frames; asked were {asked}"]


def _shows(frames: Sequence[Image.Image], scene: Scene | Pair, *, clip: bool) -> bool:
    if not frames:
        return False
    if isinstance(scene, Pair):
        return check_pair(frames[0], scene).all_right
    return check_clip(frames, scene).all_right if clip else check_picture(frames[0], scene).all_right
