#!/usr/bin/env bash
# What CLIP's tokenizer of transformers 5.23.0 makes of the quotes that phones and word processors write, seen 2026-11-29:
#
#   CLIP was trained on text that ftfy had made plain: ’ is ', “ ” are ", the ligature ﬁ is fi, Ａ of full width is A, and HTML's
#   &amp; is &. OpenAI's code does so, open_clip does, and so did `CLIPTokenizer` of transformers 4.57.6 with ftfy beside it. In
#   version 5 it is the fast one alone, which does none of it, with ftfy or without: in "a dog’s bowl" the quote is two pieces
#   of a byte sequence, and a lone s follows. The same prompt and seed give another picture than before the upgrade, and than a
#   program with CLIP's own code; each quote takes two of the 75 tokens. No error, no warning.
#
# Expected before it was tried: the ids of CLIP's own code, or those with ftfy. A farm of CLIP models runs `ftfy.fix_text` and
# `html.unescape` over prompts first: the ids are then equal for all of these (below). The vocabulary is the one in
# open_clip_torch 3.3.0, whose tokenizer is run beside it. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "transformers==5.23.0" "ftfy==6.3.1" "regex" "numpy<3"
# Its tokenizer needs no more of what it asks for:
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "open_clip_torch==3.3.0"

cat > "$folder/probe.py" <<'PYTHON'
import gzip
import html
import importlib.util
import json
import sys
from importlib.metadata import distribution, version
from pathlib import Path

import ftfy
import transformers
from transformers import CLIPTokenizer

PROMPTS = [
    "a dog's bowl", "a red circle, 50 × 60, café", "a “red” circle", "a dog’s bowl", "l’été à Paris", "ﬁne art", "ＡＢＣ",
    "salt &amp; pepper",
]
KNOWN_ALIKE = 2  # of the prompts, from the first
source = Path(distribution("open_clip_torch").locate_file("open_clip"))
spec = importlib.util.spec_from_file_location("clips_own", source / "tokenizer.py")  # the package itself wants torchvision
own = importlib.util.module_from_spec(spec)
sys.modules["clips_own"] = own
spec.loader.exec_module(own)
clips_own = own.SimpleTokenizer()

folder = Path(sys.argv[1]) / "tokenizer"
folder.mkdir()
merges = gzip.open(source / "bpe_simple_vocab_16e6.txt.gz").read().decode().split("\n")[1 : 49152 - 256 - 2 + 1]
(folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
vocabulary = {names.get(token, token): number for token, number in clips_own.encoder.items()}
(folder / "vocab.json").write_text(json.dumps(vocabulary))
tokenizer = CLIPTokenizer.from_pretrained(folder)


def ids(prompt):
    return tokenizer(prompt).input_ids[1:-1]


print(f"transformers {transformers.__version__}, ftfy {version('ftfy')}, open_clip_torch {version('open_clip_torch')}")
as_seen = len(tokenizer) == 49408
for place, prompt in enumerate(PROMPTS):
    right, seen = clips_own.encode(prompt), ids(prompt)
    plain = ids(html.unescape(html.unescape(ftfy.fix_text(prompt))))
    words = [" ".join(tokenizer.convert_ids_to_tokens(these)) for these in (seen, right)]
    print(f"  {prompt}: {words[0]}" + (f"   CLIP: {words[1]}" if seen != right else "   as CLIP"))
    as_seen &= (seen == right) == (place < KNOWN_ALIKE) and plain == right
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
