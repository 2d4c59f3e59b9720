#!/usr/bin/env bash
# What dynamicprompts 0.31.0 leaves of a prompt that names a colour as #ff5733 (pyparsing 3.3.3), seen 2026-11-30:
#
#   The library makes many prompts of one, `{flat|3d}`, in A1111's extension and in programs of their own. FLUX.2 is prompted with
#   hexadecimal colours where a brand's colour must be met (docs.bfl.ml, "precise hex color control"). A # begins a comment to the
#   end of the line, wherever it stands: "a logo in #ff5733 on white, {flat|3d}" gives one prompt, "a logo in ", where two are
#   due. All that follows is gone, the scene, its LoRA, the variants, so that a sweep is shorter than it was counted. "#1" and
#   "C#" end it likewise, and there is no way to write one: \# and quotes do not help. No error, no warning; only inside of
#   braces, `{#ff0000|#00ff00}`, it is ParseException, about the brace.
#
# Expected before it was tried: comments at the beginning of a line, or behind a space and before one; or an escape. Without
# the # the colour stays (the control). Install, no torch; exits with 1 if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "dynamicprompts==0.31.0" "pyparsing==3.3.3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

from dynamicprompts.generators import CombinatorialPromptGenerator, RandomPromptGenerator
from dynamicprompts.wildcards import WildcardManager

EXPECTED = {
    "a logo in ff5733 on white, {flat|3d}": ["a logo in ff5733 on white, 3d", "a logo in ff5733 on white, flat"],
    "a logo in #ff5733 on white, {flat|3d}": ["a logo in "],
    "{flat|3d} logo, #1 winner trophy, gold": ["3d logo, ", "flat logo, "],
    "a mug with a C# logo, night": ["a mug with a C"],
    "a logo in \\#ff5733 on white": ["a logo in \\"],
    'a logo in "#ff5733" on white': ['a logo in "'],
    "a {#ff0000|#00ff00} car": "ParseException",
}


def prompts(generator, template):
    try:
        return sorted(set(generator.generate(template, 20)))
    except Exception as error:
        return type(error).__name__


wildcards = WildcardManager()
print(f"dynamicprompts {version('dynamicprompts')}, pyparsing {version('pyparsing')}")
as_seen = True
for template, expected in EXPECTED.items():
    every = prompts(CombinatorialPromptGenerator(wildcards), template)
    drawn = prompts(RandomPromptGenerator(wildcards, seed=1), template)
    print(f"  {template!r}: all {every!r}, drawn {drawn!r}")
    as_seen &= every == drawn == expected
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
