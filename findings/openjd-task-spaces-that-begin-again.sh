#!/usr/bin/env bash
# What the iterator over a step's tasks does once it is through (openjd-model 0.14.0), seen 2026-11-29:
#
#   `StepParameterSpaceIterator` is how schedulers of Open Job Description walk the tasks of a step. Python's iterators, once they
#   have raised StopIteration, go on raising it. This one does with one parameter, or an association; with a product of two
#   or more it comes back to life: asked again it gives the last tasks once more (2 of 9 tasks for 3 x 3; 5 of 18 for
#   3 x 3 x 2), and so on for ever, each time it is asked. `len()` says 9 all the while, and `iter()` returns the same object. So a
#   second loop, a `list()` after a `for`, or a scheduler that polls `next(tasks, None)` for more work submits tasks twice,
#   and no error says so. `reset_iter()` helps, and so does a new iterator for each pass.
#
# Expected before it was tried: nothing the second time (an iterator), or all again (a collection). Install, CPU only; exits
# with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "openjd-model==0.14.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

from openjd.model import StepParameterSpaceIterator, create_job, decode_job_template

RANGES = {"Frame": [1, 2, 3], "Seed": [10, 20, 30], "Pass": [100, 200]}


def tasks_of(names, combination=None):
    """The iterator over the tasks of a step with these parameters."""
    space = {"taskParameterDefinitions": [{"name": name, "type": "INT", "range": RANGES[name]} for name in names]}
    if combination:
        space["combination"] = combination
    step = {"name": "Render", "parameterSpace": space, "script": {"actions": {"onRun": {"command": "render"}}}}
    template = decode_job_template(
        template={"specificationVersion": "jobtemplate-2023-09", "name": "job", "steps": [step]}
    )
    job = create_job(job_template=template, job_parameter_values={})
    return StepParameterSpaceIterator(space=job.steps[0].parameterSpace)


def values(tasks):
    return [tuple(int(value.value) for _, value in sorted(task.items())) for task in tasks]


print(f"openjd-model {version('openjd-model')}, Python {sys.version.split()[0]}")
as_seen = True
for names, combination, again in (
    (["Frame"], None, 0),
    (["Frame", "Seed"], "(Frame, Seed)", 0),
    (["Frame", "Seed"], None, 2),
    (["Frame", "Seed", "Pass"], None, 5),
):
    tasks = tasks_of(names, combination)
    first, second, third = values(tasks), values(tasks), values(tasks)
    said = combination or " * ".join(names)
    print(f"{said:20} len {len(tasks):2}: first pass {len(first):2} tasks, second {len(second)}, third {len(third)} {second}")
    as_seen &= len(first) == len(tasks) and len(set(first)) == len(first)
    as_seen &= len(second) == len(third) == again and set(second) <= set(first)

tasks = tasks_of(["Frame", "Seed"])
polled = []
for _ in range(20):  # a scheduler that asks for more until it has asked often enough
    task = next(tasks, None)
    polled.append(None if task is None else values([task])[0])
print(f"polled 20 times for 9 tasks: {[task for task in polled if task]}")
as_seen &= len([task for task in polled if task]) > 9 == len({task for task in polled if task})
tasks.reset_iter()
as_seen &= len(values(tasks)) == 9
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
