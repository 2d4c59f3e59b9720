#!/usr/bin/env bash
# Which values of a job's input runpod 1.12.0's validator looks at, seen 2026-11-30:
#
#   Handlers on RunPod's serverless GPUs describe their input to `runpod.serverless.utils.rp_validator.validate`: type, required,
#   default, and `constraints`, a function that says whether a value will do. Options of a picture have defaults: steps, size,
#   sampler. For those the function is never asked once the value has the default's type: the loop goes on to the next option
#   before it. So a size that the VAE cannot make, 9 pictures where 4 are meant, or a sampler that does not exist reach the
#   handler as `validated_input`, and the GPU is paid for the failure, or for the pictures. The same option without a default, or
#   with a default of None, is refused as it should be. No error, no warning.
#   Beside it: a default that is a list is handed out itself, not a copy: a handler that appends to it (the job's own LoRAs)
#   gives them to every later job on this worker.
#
# Expected before it was tried: the function is asked of every value sent. Say `default` None and put the usual value in
# afterwards, or check again behind it. Install, nothing is sent; exits with 1 if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "runpod==1.12.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

from runpod.serverless.utils.rp_validator import validate

OPTIONS = {  # type, usual value, what will do, a value that will not
    "width": (int, 1024, lambda value: value % 16 == 0, 1000),
    "num_images": (int, 1, lambda value: 1 <= value <= 4, 9),
    "strength": (float, 0.3, lambda value: 0 <= value <= 1, 3.0),
    "sampler": (str, "euler", lambda value: value in ("euler", "unipc"), "eulr"),
}


def refused(name, value, **rules):
    kind, _, fits, _ = OPTIONS[name]
    return "errors" in validate({name: value}, {name: {"type": kind, "constraints": fits, **rules}})


seen = {}
for name, (_, usual, _, unfit) in OPTIONS.items():
    seen[name] = {
        "with a default": refused(name, unfit, required=False, default=usual),
        "required": refused(name, unfit, required=True),
        "default of None": refused(name, unfit, required=False, default=None),
        "usual value": refused(name, usual, required=True) or refused(name, usual, required=False, default=usual),
    }
schema = {"loras": {"type": list, "required": False, "default": []}}
validate({}, schema)["validated_input"]["loras"].append("the first job's own")
second = validate({}, schema)["validated_input"]["loras"]

print(f"runpod {version('runpod')}: refused?")
for name, answers in seen.items():
    print(f"  {name}={OPTIONS[name][-1]!r}:", answers)
print("  the second job, which names no LoRA, has", second)
expected = {"with a default": False, "required": True, "default of None": True, "usual value": False}
as_seen = all(answers == expected for answers in seen.values()) and second == ["the first job's own"]
sys.exit(0 if as_seen else 1)
PYTHON
cd "$folder" && "$folder/venv/bin/python" "$folder/probe.py"
