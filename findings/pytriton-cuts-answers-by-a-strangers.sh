#!/usr/bin/env bash
# What a request is answered beside another one in a batch of PyTriton (nvidia-pytriton 0.7.0, numpy 1.26.4), seen 2026-12-01:
#
#   PyTriton serves Python models by NVIDIA's Triton, which gathers the requests of all users into batches. `@group_by_values("steps")`, "useful
#   when working with models that require dynamic parameters sent by the user", calls the model once for each value of an option and
#   puts the answers together again. The arrays for that have the dtype and shape of the first group's answer, by the order of values:
#   1. Text, as captions, expanded prompts and metadata in JSON are, has its length in its dtype. Longer text of another group is cut off:
#      "a cat, in oil on canvas" is "a cat, in " beside a stranger's "a dog, ink". Alone it is whole.
#   2. Whole numbers of the first group make whole numbers of all: a score of 2.5 is 2 beside one that is 1 (an int).
#   3. What only the first group answers is there for the others as well, as zeros: a black mask that nobody made. What only a later one
#      answers is a KeyError for all.
#   No error, no warning in 1 and 2. An image of another size than the first group's is an error for all of them.
#
# Expected before it was tried: the answer of the model, whoever is in the batch, or an error. `pad_fn=ConstantPadder()` helps text (the control); or
# `dtype=object`. The decorators are called as the server does, with requests of our own and without a server. Install, no torch; exits with 1
# if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "nvidia-pytriton==0.7.0" "numpy==1.26.4"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy
from pytriton.decorators import ConstantPadder, batch, group_by_values
from pytriton.proxy.types import Request

STYLES = {0: "ink", 1: "in oil on canvas"}


def describe(prompt, style):
    return {"text": numpy.char.encode([[f"{words.decode()}, {STYLES[number]}"] for words, number in zip(prompt[:, 0], style[:, 0])], "utf-8")}


def score(prompt, style):
    return {"score": numpy.array([[1 if number == 0 else 2.5] for number in style[:, 0]])}


def score_in_numbers_of_one_kind(prompt, style):
    return {"score": score(prompt, style)["score"].astype(float)}


def with_a_mask(prompt, style):
    answer = {"picture": numpy.full((len(prompt), 2, 2), 9)}
    return answer | {"mask": numpy.ones((len(prompt), 2, 2))} if style[0, 0] == 0 else answer


def ask(model, *requests, **settings):
    grouped = batch(group_by_values("style", **settings)(model))
    return grouped([Request({"prompt": numpy.array([[words.encode()]]), "style": numpy.array([[style]])}) for words, style in requests])


CAT, DOG = ("a cat", 1), ("a dog", 0)
print(f"nvidia-pytriton {version('nvidia-pytriton')}, numpy {numpy.__version__}; alone, and beside another")
texts = [answer["text"][0, 0].decode() for answer in (*ask(describe, CAT), *ask(describe, CAT, DOG))]
padded = ask(describe, CAT, DOG, pad_fn=ConstantPadder())[0]["text"][0, 0].decode()
print(f"  1. {texts[0]!r}: {texts[1]!r} beside {texts[2]!r}; with a padder {padded!r}")
scores = [float(answer["score"][0, 0]) for answer in (*ask(score, CAT), *ask(score, CAT, DOG))]
of_one_kind = float(ask(score_in_numbers_of_one_kind, CAT, DOG)[0]["score"][0, 0])
print(f"  2. {scores[0]}: {scores[1]} beside {scores[2]}; as floats of both {of_one_kind}")
alone, beside = "mask" in ask(with_a_mask, CAT)[0], ask(with_a_mask, CAT, DOG)
print(f"  3. a mask alone: {alone}; beside one that has one: {beside[0]['mask'].tolist()}")

as_seen = texts == ["a cat, in oil on canvas", "a cat, in ", "a dog, ink"] and padded == texts[0]
as_seen &= scores == [2.5, 2, 1] and of_one_kind == 2.5
sys.exit(not (as_seen and not alone and not beside[0]["mask"].any() and beside[1]["mask"].all()))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
