#!/usr/bin/env bash
# What a model is asked for when MLServer gathers several requests into one (mlserver 1.7.1), seen 2026-11-30:
#
#   With `max_batch_size` and `max_batch_time` MLServer, Seldon's and KServe's Python server, joins requests that come at the same time
#   ("adaptive batching"). Inputs are joined one after the other. The rest is not:
#   1. `parameters` of a request, as its protocol has them for options (steps, guidance, seed), are those of the last request for the whole
#      batch: each picture is made with the options of whoever came last. An option that the last one left out is that of one before.
#   2. An input that some leave out (a negative prompt, an image to start from) is shorter than the prompts, and nothing says whose
#      it is: the first prompt, which sent none, stands beside the negative prompt of the second.
#   3. `parameters` of an input become a list of those who sent any, with the same effect (pull request 916, which made the list, says so).
#      The documentation says of custom parameters that they arrive as a merged list.
#   Alone each request is right. No error, no warning.
#
# Expected before it was tried: a list with an entry for each request, or requests with other options in another batch. Put every option
# into an input of its own, in every request. No server is started. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "mlserver==1.7.1"

cat > "$folder/probe.py" <<'PYTHON'
import asyncio
import sys
from importlib.metadata import version

from mlserver import MLModel, ModelSettings
from mlserver.batching import load_batching
from mlserver.context import model_context
from mlserver.types import InferenceRequest, InferenceResponse, Parameters, RequestInput, ResponseOutput

asked = []


class Renderer(MLModel):
    """A stand-in for a model that keeps what it was asked for."""

    async def predict(self, payload):
        inputs = {one.name: list(one.data) for one in payload.inputs}
        of_prompt = next(one.parameters for one in payload.inputs if one.name == "prompt")
        asked.append({
            **inputs,
            "options": payload.parameters.model_dump() if payload.parameters else {},
            "of the prompt": of_prompt.model_dump() if of_prompt else {},
        })
        pictures = ResponseOutput(name="picture", shape=[len(inputs["prompt"]), 1], datatype="BYTES", data=inputs["prompt"])
        return InferenceResponse(model_name=self.name, outputs=[pictures])


def request(prompt, negative=None, strength=None, **options):
    texts = {"prompt": prompt} if negative is None else {"prompt": prompt, "negative": negative}
    inputs = [RequestInput(name=name, shape=[1, 1], datatype="BYTES", data=[text]) for name, text in texts.items()]
    if strength is not None:
        inputs[0].parameters = Parameters(strength=strength)
    return InferenceRequest(inputs=inputs, parameters=Parameters(**options) if options else None)


CAT, DOG = request("cat", steps=50, seed=7), request("dog", negative="blur", strength=0.3, steps=20)
FOX = request("fox", strength=0.9, steps=4)


async def render(*requests):
    """What the model is asked for when these come at once, and the answers' pictures."""
    settings = ModelSettings(name="renderer", implementation=Renderer, max_batch_size=3, max_batch_time=1.0)
    with model_context(settings):
        model = await load_batching(Renderer(settings))
        asked.clear()
        answers = await asyncio.gather(*(model.predict(one) for one in requests))
    assert [list(answer.outputs[0].data) for answer in answers] == [list(one.inputs[0].data) for one in requests]
    return list(asked)


print(f"mlserver {version('mlserver')}, Python {sys.version.split()[0]}")
found = {"cat alone": asyncio.run(render(CAT)), "cat, dog and fox": asyncio.run(render(CAT, DOG, FOX))}
expected = {
    "cat alone": [{"prompt": ["cat"], "options": {"steps": 50, "seed": 7}, "of the prompt": {}}],
    "cat, dog and fox": [{
        "prompt": ["cat", "dog", "fox"],
        "negative": ["blur"],
        "options": {"steps": 4, "seed": 7},
        "of the prompt": {"strength": [0.3, 0.9]},
    }],
}
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected[what] else '   CHANGED, was ' + str(expected[what])}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
