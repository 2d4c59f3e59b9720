"""Embeddings that are kept: the same bits as fresh ones, and only for what is really the same."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.workers import tiny_pipelines
from tests.workers.orders import CPU, order, pixels_of, render
from workers.denoising.track import Embeddings
from workers.engine.embedding_cache import EmbeddingCache
from workers.families.base import Family, Prepared
from workers.pipelines.load import Loaded, load

Folders = Callable[[str], Path]
MUCH = 10**8


class Dictionary:
    """A shared cache of workers in one process."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}

    def embeddings(self, key: str) -> bytes | None:
        return self.data.get(key)

    def keep_embeddings(self, key: str, data: bytes, seconds: int) -> None:
        self.data[key] = data


def loaded(family: str, folder: Path, dtype: str = "bfloat16") -> Loaded:
    return load(tiny_pipelines.entry(family, folder, dtype={"default": dtype, "vae": "float32"}), None, CPU)


def prepared(family: Family, **changes: Any) -> Prepared:
    return family.prepare(order(family, **changes))


def equal(one: Embeddings, other: Embeddings) -> bool:
    pairs = [(getattr(one, part.name), getattr(other, part.name)) for part in fields(Embeddings)]
    return all(
        (first is None and second is None) or (first.dtype == second.dtype and torch.equal(first, second))
        for first, second in pairs
    )


@pytest.mark.parametrize("family", ["sana", "sprint", "wan"])
def test_kept_embeddings_are_the_fresh_ones_bit_for_bit(tiny_folder: Folders, family: str) -> None:
    # Given a model that keeps embeddings, in memory and in a shared cache,
    model, shared_cache = loaded(family, tiny_folder(family)), Dictionary()
    cache = EmbeddingCache(model.facts, most_bytes=MUCH, shared_cache=shared_cache)
    asked = prepared(model.family, prompt="a red fox")
    fresh = model.family.encode(asked)
    # when the same prompt comes again, to this engine and to another one,
    first, again = cache.of(model.family, asked), cache.of(model.family, asked)
    other = EmbeddingCache(model.facts, most_bytes=MUCH, shared_cache=shared_cache)
    elsewhere = other.of(model.family, asked)
    # then the text encoder ran once, and all are equal.
    assert (cache.encoded, cache.found, other.encoded) == (1, 1, 0)
    assert all(equal(fresh, kept) for kept in (first, again, elsewhere))


@pytest.mark.parametrize("family", ["sana", "wan"])
def test_prompts_that_the_pipeline_makes_equal_are_encoded_once(tiny_folder: Folders, family: str) -> None:
    model = loaded(family, tiny_folder(family))
    cache = EmbeddingCache(model.facts, most_bytes=MUCH)
    one = prepared(model.family, prompt="a red fox")
    other = prepared(model.family, prompt="  a red fox \n", seed=99, num_inference_steps=2)
    kept = [cache.of(model.family, one), cache.of(model.family, other)]
    assert cache.encoded == 1
    assert equal(kept[1], model.family.encode(other))


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a red dog"},
        {"negative_prompt": "blue"},
        {"guidance_scale": 1.0},
        {"complex_human_instruction": True},
    ],
    ids=str,
)
def test_whatever_changes_the_embeddings_is_encoded_anew(tiny_folder: Folders, changes: dict[str, object]) -> None:
    model = loaded("sana", tiny_folder("sana"))
    cache = EmbeddingCache(model.facts, most_bytes=MUCH)
    cache.of(model.family, prepared(model.family))
    changed = prepared(model.family, **changes)
    assert equal(cache.of(model.family, changed), model.family.encode(changed))
    assert cache.encoded == 2


@pytest.mark.parametrize("family", ["sana", "wan"])
def test_a_negative_prompt_that_renders_share_is_encoded_once(tiny_folder: Folders, family: str) -> None:
    # Given a model whose text encoder counts how often it runs,
    model, runs = loaded(family, tiny_folder(family)), 0

    def count(*_: object) -> None:
        nonlocal runs
        runs += 1

    model.family.pipeline.text_encoder.register_forward_hook(count)
    cache = EmbeddingCache(model.facts, most_bytes=MUCH)
    wanted = [("a fox", "blue"), ("a dog", "blue"), ("a cat", "red"), ("a cow", "blue")]
    asked = [prepared(model.family, prompt=prompt, negative_prompt=negative) for prompt, negative in wanted]
    # when renders differ in their prompts, and one of them in its negative one,
    kept = [cache.of(model.family, one) for one in asked]
    # then only what differs from the render before is encoded, and all is as if it had been encoded alone.
    assert runs == 2 + 1 + 2 + 2
    assert all(equal(made, model.family.encode(one)) for made, one in zip(kept, asked, strict=True))


def test_other_weights_revisions_and_precisions_share_nothing(tiny_folder: Folders) -> None:
    model, shared_cache = loaded("sana", tiny_folder("sana")), Dictionary()
    asked = prepared(model.family)
    facts = [
        model.facts,
        replace(model.facts, revision="0123abc"),
        replace(model.facts, precision="int8"),
        replace(model.facts, device="NVIDIA H100 80GB HBM3"),
        replace(model.facts, weight_sha256={"text_encoder/model.safetensors": "0" * 64}),
    ]
    for known in facts:
        EmbeddingCache(known, most_bytes=MUCH, shared_cache=shared_cache).of(model.family, asked)
    assert len(shared_cache.data) == len(facts)


def test_memory_is_bounded_and_the_longest_unused_goes_first(tiny_folder: Folders) -> None:
    model = loaded("sana", tiny_folder("sana"))
    size = 2 * 24 * 16 * 2 + 2 * 24 * 8  # prompt and negative in bfloat16, two masks of 64-bit numbers
    cache = EmbeddingCache(model.facts, most_bytes=2 * size)
    fox, dog, cat = (prepared(model.family, prompt=f"a red {animal}") for animal in ("fox", "dog", "cat"))
    for asked in (fox, dog, fox, cat, fox):
        cache.of(model.family, asked)
    assert cache.encoded == 3
    cache.of(model.family, dog)
    assert cache.encoded == 4


def test_what_lies_broken_in_the_shared_cache_is_encoded_anew(tiny_folder: Folders) -> None:
    model, shared_cache = loaded("sana", tiny_folder("sana")), Dictionary()
    asked = prepared(model.family)
    EmbeddingCache(model.facts, most_bytes=0, shared_cache=shared_cache).of(model.family, asked)
    shared_cache.data = dict.fromkeys(shared_cache.data, b"not what was put there")
    cache = EmbeddingCache(model.facts, most_bytes=0, shared_cache=shared_cache)
    assert equal(cache.of(model.family, asked), model.family.encode(asked))


@pytest.mark.parametrize("family", ["sana", "wan"])
def test_renders_come_out_the_same_with_kept_embeddings(tiny_folder: Folders, tmp_path: Path, family: str) -> None:
    model = loaded(family, tiny_folder(family))
    orders = [order(model.family, name, seed=seed) for seed, name in enumerate(("a", "b", "c"))]
    plain = pixels_of(render(model.family, tmp_path, orders))
    model.family.kept = EmbeddingCache(model.facts, most_bytes=MUCH)
    kept = pixels_of(render(model.family, tmp_path, orders))
    assert model.family.kept.found == 2
    assert all(np.array_equal(plain[name], kept[name]) for name in plain)


def test_whoever_writes_into_its_embeddings_changes_nobody_elses(tiny_folder: Folders) -> None:
    model = loaded("sana", tiny_folder("sana"), "float32")
    cache = EmbeddingCache(model.facts, most_bytes=MUCH)
    asked = prepared(model.family)
    for _ in range(2):
        cache.of(model.family, asked).text.zero_()
    assert equal(cache.of(model.family, asked), model.family.encode(asked))


def test_embeddings_that_are_not_numbers_are_kept_for_nobody(tiny_folder: Folders) -> None:
    model, shared_cache = loaded("sana", tiny_folder("sana")), Dictionary()
    cache = EmbeddingCache(model.facts, most_bytes=MUCH, shared_cache=shared_cache)
    asked, encode = prepared(model.family), model.family.encode
    broken = replace(encode(asked), text=encode(asked).text * float("nan"))
    model.family.encode = lambda _: broken  # type: ignore[method-assign]
    assert cache.of(model.family, asked).text.isnan().all()
    model.family.encode = encode  # type: ignore[method-assign]
    assert equal(cache.of(model.family, asked), encode(asked))
    assert len(shared_cache.data) == 1


def test_models_of_other_dtypes_or_code_share_nothing_though_their_files_are_the_same(tiny_folder: Folders) -> None:
    shared_cache = Dictionary()
    for dtype in ("bfloat16", "float32"):
        model = loaded("sana", tiny_folder("sana"), dtype)  # the catalog calls both 'fp32'
        EmbeddingCache(model.facts, most_bytes=MUCH, shared_cache=shared_cache).of(model.family, prepared(model.family))
    other = type("Mine", (type(model.family),), {})(model.family.pipeline, model.family.entry, CPU)
    EmbeddingCache(model.facts, most_bytes=MUCH, shared_cache=shared_cache).of(other, prepared(other))
    assert len(shared_cache.data) == 3
