#!/usr/bin/env bash
# Whose arguments a request has in a batch of Ray Serve (ray 2.60.0), seen 2026-11-30:
#
#   `@serve.batch` gathers single calls into one with lists, as image models are served: `await render(prompt, steps=30)` becomes
#   `render([prompt, …], steps=[30, …])`. The names are taken from the first call of the batch, the values of the others by their place.
#   1. `render(prompt="a", steps=50, seed=7)` and `render(prompt="b", seed=8, steps=20)` in one batch: b has 8 steps and seed 20.
#   2. `render("a", steps=50)` and `render("b", seed=7)`, each leaving the rest at its default: b has 7 steps, and no seed.
#   So one customer's picture is made with settings that nobody sent, and only when another one's request happens to be in the same batch;
#   alone each is right. No error, no warning. Said in a review of ray-project/ray pull request 66321.
#
# Expected before it was tried: arguments by their names. Take one argument, a dict or an object, and nothing by name. No cluster is
# started. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "ray[serve]==2.60.0"

cat > "$folder/probe.py" <<'PYTHON'
import asyncio
import sys
from types import SimpleNamespace

import ray
from ray import serve

# without a cluster there is no replica to say how many requests it takes at a time, which is compared with the size of batches
serve.get_replica_context = lambda: SimpleNamespace(_deployment_config=SimpleNamespace(max_ongoing_requests=100))


class Renderer:
    """A stand-in for a model: a picture says what it was made with."""

    @serve.batch(max_batch_size=2, batch_wait_timeout_s=1)
    async def render(self, prompt, steps=None, seed=None):
        steps, seed = steps or ["default"] * len(prompt), seed or ["default"] * len(prompt)
        return [{"prompt": p, "steps": t, "seed": s, "batch": len(prompt)} for p, t, s in zip(prompt, steps, seed)]


async def ask(groups):
    """What each of the calls of each group, made at once, is given; in one event loop, in which the queue lives."""
    renderer, found = Renderer(), {}
    for what, calls in groups.items():
        made = asyncio.gather(*(renderer.render(*args, **named) for args, named in calls))
        found[what] = await asyncio.wait_for(made, 120)
    return found


def picture(prompt, steps="default", seed="default", batch=2):
    return {"prompt": prompt, "steps": steps, "seed": seed, "batch": batch}


CALLS = {
    "same order": [((), {"prompt": "a", "steps": 50, "seed": 7}), ((), {"prompt": "b", "steps": 20, "seed": 8})],
    "other order": [((), {"prompt": "a", "steps": 50, "seed": 7}), ((), {"prompt": "b", "seed": 8, "steps": 20})],
    "other order, alone": [((), {"prompt": "b", "seed": 8, "steps": 20})],
    "other options": [(("a",), {"steps": 50}), (("b",), {"seed": 7})],
    "other options, alone": [(("b",), {"seed": 7})],
}
expected = {
    "same order": [picture("a", 50, 7), picture("b", 20, 8)],
    "other order": [picture("a", 50, 7), picture("b", 8, 20)],
    "other order, alone": [picture("b", 20, 8, batch=1)],
    "other options": [picture("a", 50), picture("b", 7)],
    "other options, alone": [picture("b", seed=7, batch=1)],
}
print(f"ray {ray.__version__}, Python {sys.version.split()[0]}")
found = asyncio.run(ask(CALLS))
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected[what] else '   CHANGED, was ' + str(expected[what])}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
