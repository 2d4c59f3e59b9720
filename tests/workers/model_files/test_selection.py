"""Which files of a model are read: said from their names, before anything is fetched."""

import pytest

from workers.model_files.selection import select

INDEX = {
    "_class_name": "SanaPipeline",
    "transformer": ["diffusers", "SanaTransformer2DModel"],
    "tokenizer": ["transformers", "GemmaTokenizerFast"],
    "safety_checker": [None, None],
}
PLAIN = ["transformer/model.safetensors"]
SHARDS = [f"transformer/model-0000{number}-of-00002.safetensors" for number in (1, 2)]
VARIANT = ["transformer/model.bf16.safetensors"]
VARIANT_SHARDS = [f"transformer/model.bf16-0000{number}-of-00002.safetensors" for number in (1, 2)]
OLD_VARIANT_SHARDS = [f"transformer/model-0000{number}-of-00002.bf16.safetensors" for number in (1, 2)]


@pytest.mark.parametrize(
    ("there", "variant", "weights"),
    [
        (PLAIN + VARIANT, None, PLAIN),
        (PLAIN + VARIANT, "bf16", VARIANT),
        (SHARDS + VARIANT_SHARDS, None, SHARDS),
        (SHARDS + VARIANT_SHARDS, "bf16", VARIANT_SHARDS),
        (PLAIN + OLD_VARIANT_SHARDS, "bf16", OLD_VARIANT_SHARDS),
        (PLAIN, "fp16", PLAIN),
    ],
)
def test_weights_are_those_of_the_variant_or_else_the_plain_ones(
    there: list[str], variant: str | None, weights: list[str]
) -> None:
    assert select(there, INDEX, variant).weights == weights


def test_texts_of_components_are_read_and_nothing_else() -> None:
    texts = ["tokenizer/tokenizer.json", "tokenizer/spiece.model", "tokenizer/merges.txt", "transformer/config.json"]
    others = ["transformer/code.py", "README.md", "config.json", "safety_checker/config.json", "transformer/a.onnx"]
    assert set(select(texts + others, INDEX).paths) == {"model_index.json", *texts}


def test_pickled_weights_are_refused_unless_they_are_allowed() -> None:
    pickled = ["transformer/model.bin"]
    assert select(pickled, INDEX).refused == pickled
    assert select(pickled, INDEX).weights == []
    assert select(pickled, INDEX, pickle=True).weights == pickled
    both = select(pickled + PLAIN, INDEX, pickle=True)
    assert both.weights == PLAIN
    assert both.refused == []


def test_no_path_leads_out_of_the_folder() -> None:
    index = {**INDEX, "..": ["diffusers", "X"], "/etc": ["diffusers", "X"], "a/b": ["diffusers", "X"]}
    there = ["../evil.json", "transformer/../../evil.json", "/etc/evil.json", "a/b/evil.json"]
    assert select(there, index).paths == ["model_index.json"]
