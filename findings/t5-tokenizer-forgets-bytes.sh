#!/usr/bin/env bash
# What the T5 tokenizer of transformers 5.23.0 makes of characters that its vocabulary lacks (tokenizers 0.23.3), seen 2026-11-29:
#
#   mT5's and UMT5's vocabularies, the latter in front of Wan, have a piece for each byte, so that no character is unknown: a quote
#   of a phone, a rare Chinese character or a snowman are three bytes each. The repositories say so: in `spiece.model`
#   (`byte_fallback`), and in a `tokenizer.json` with `"byte_fallback": true`. `T5TokenizerFast` of transformers 4.57.6 goes
#   by the latter. In version 5 the one T5 tokenizer that is left takes the vocabulary out of either file and says
#   `byte_fallback=False` itself: each such character is <unk>, so "☃" and "♞" are one and
#   the same prompt, and the same prompt and seed give another picture than before the upgrade. No error, no warning. Reported
#   of older versions for `spiece.model` alone (ggml-org/llama.cpp pull request 28864 names it).
#
# Expected before it was tried: the pieces of SentencePiece, or those that tokenizer.json asks for. Way round, after loading: a
# `tokenizers.Tokenizer` from tokenizer.json, whose ids are those of SentencePiece again (below). A vocabulary of our own making.
# Install, CPU only, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
for version in 4.57.6 5.23.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check \
        "transformers==$version" "sentencepiece==0.2.3" "protobuf==7.36.2"
done

cat > "$folder/make.py" <<'PYTHON'
"""A folder like that of a UMT5 tokenizer: SentencePiece's model, tokenizer.json of the same pieces, and the class's name."""
import json
import random
import sys
from pathlib import Path

import sentencepiece
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

folder = Path(sys.argv[1])
folder.mkdir()
words = "a fox in the snow of Paris with red hat oil painting city river night light house tree bird blue green".split()
dice = random.Random(0)
texts = [" ".join(dice.choices(words, k=12)) for _ in range(3000)]
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(texts), model_prefix=str(folder / "spiece"), vocab_size=360, hard_vocab_limit=False, minloglevel=2,
    model_type="unigram", byte_fallback=True, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
)
(folder / "spiece.vocab").unlink()
pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
scores = [(pieces.id_to_piece(i), pieces.get_score(i)) for i in range(len(pieces))]
fast = Tokenizer(models.Unigram(scores, unk_id=2, byte_fallback=True))
fast.normalizer = normalizers.NFKC()
fast.pre_tokenizer = pre_tokenizers.Metaspace()
fast.decoder = decoders.Metaspace()
fast.post_processor = processors.TemplateProcessing(single=["$A", "</s>"], special_tokens=[("</s>", 1)])
fast.save(str(folder / "tokenizer.json"))
names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
(folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 0} | names))
PYTHON

cat > "$folder/probe.py" <<'PYTHON'
import json
import logging
import sys
from pathlib import Path

import sentencepiece
import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer

logging.disable(logging.WARNING)
folder = Path(sys.argv[1])
pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
rewritten = Tokenizer.from_file(str(folder / "tokenizer.json"))
loaded = AutoTokenizer.from_pretrained(folder)
same = {}
for prompt in ("a fox in the snow", "the fox’s hat", "a ☃ in the snow", "a ♞ in the snow", "龘 in Paris", "a Zebra"):
    right = [*pieces.encode(prompt), 1]
    ids = loaded(prompt).input_ids
    same[prompt] = ids == right
    print(f"  {prompt!r:22} {'right' if ids == right else loaded.convert_ids_to_tokens(ids)}")
    if rewritten.encode(prompt).ids != right:
        sys.exit(f"tokenizer.json itself is not SentencePiece's, {prompt!r}")
alike = loaded("a ☃ in the snow").input_ids == loaded("a ♞ in the snow").input_ids
print(f"transformers {transformers.__version__}, {type(loaded).__name__}: two prompts the same: {alike}")
Path(sys.argv[2]).write_text(json.dumps([same, alike]))
PYTHON

"$folder/5.23.0/bin/python" "$folder/make.py" "$folder/tokenizer"
for version in 4.57.6 5.23.0; do
    "$folder/$version/bin/python" "$folder/probe.py" "$folder/tokenizer" "$folder/$version.json"
done
python3 - "$folder" <<'PYTHON'
import json
import sys
from pathlib import Path

old, new = (json.loads(Path(sys.argv[1], f"{version}.json").read_text()) for version in ("4.57.6", "5.23.0"))
plain = "a fox in the snow"
sys.exit(not (all(old[0].values()) and not old[1] and [name for name, same in new[0].items() if same] == [plain] and new[1]))
PYTHON
