#!/usr/bin/env bash
# How many tasks become of frames that are rendered last frame first (openjd-model 0.14.0, extension TASK_CHUNKING), seen 2026-11-29:
#
#   A chunk is several frames for one start of the renderer, since loading the scene or the weights costs more than a frame does. With
#   `rangeConstraint: CONTIGUOUS` a chunk has no gaps, so that its ends are enough. `10-1:-1`, or the same as a list, has none
#   either, and chunks of three would be 8-10, 6-7, 3-5, 1-2. They are ten chunks of one frame: neighbours are found in rising
#   order alone. The template is valid, `defaultTaskCount` and `targetRuntimeSeconds` are accepted, no warning; a clip of 240 frames in
#   chunks of 80 loads its weights 240 times in place of three. `NONCONTIGUOUS` of the same range gives four.
#
# Expected before it was tried: four chunks, from the last to the first. A submitter writes the range upwards, or NONCONTIGUOUS.
# Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "openjd-model==0.14.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

from openjd.model import StepParameterSpaceIterator, create_job, decode_job_template


def chunks(frames, constraint, count=3, **more):
    """The chunks of a job of one step, in the order in which a scheduler is given them."""
    settings = {"defaultTaskCount": count, "rangeConstraint": constraint} | more
    parameter = {"name": "Frame", "type": "CHUNK[INT]", "range": frames, "chunks": settings}
    render = {"command": "render", "args": ["{{Task.Param.Frame}}"]}
    step = {
        "name": "render", "parameterSpace": {"taskParameterDefinitions": [parameter]},
        "script": {"actions": {"onRun": render}},
    }
    template = {
        "specificationVersion": "jobtemplate-2023-09", "extensions": ["TASK_CHUNKING"], "name": "clip", "steps": [step],
    }
    decoded = decode_job_template(template=template, supported_extensions=["TASK_CHUNKING"])
    job = create_job(job_template=decoded, job_parameter_values={})
    return [task["Frame"].value for task in StepParameterSpaceIterator(space=job.steps[0].parameterSpace)]


alone = [f"{frame}-{frame}" for frame in range(10, 0, -1)]
found = {
    "upwards": chunks("1-10", "CONTIGUOUS"),
    "downwards": chunks("10-1:-1", "CONTIGUOUS"),
    "downwards, as a list": chunks(list(range(10, 0, -1)), "CONTIGUOUS"),
    "downwards, by time": chunks("10-1:-1", "CONTIGUOUS", targetRuntimeSeconds=600),
    "downwards, gaps allowed": chunks("10-1:-1", "NONCONTIGUOUS"),
    "240 upwards by 80": len(chunks("1-240", "CONTIGUOUS", 80)),
    "240 downwards by 80": len(chunks("240-1:-1", "CONTIGUOUS", 80)),
}
expected = {
    "upwards": ["1-3", "4-5", "6-8", "9-10"],
    "downwards": alone,
    "downwards, as a list": alone,
    "downwards, by time": alone,
    "downwards, gaps allowed": ["8-10", "6,7", "3-5", "1,2"],
    "240 upwards by 80": 3,
    "240 downwards by 80": 240,
}
print(f"openjd-model {version('openjd-model')}, Python {sys.version.split()[0]}")
for what, seen in found.items():
    print(f"  {what:26} {seen}{'' if seen == expected[what] else '   CHANGED'}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
