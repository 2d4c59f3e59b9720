"""Characters outside a vocabulary reach the text encoder as bytes, where the model's tokenizer.json says so."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import AutoTokenizer, T5Tokenizer

from workers.pipelines.byte_fallback import restore_byte_fallback

PROMPT = "a fox’s ☃"


def umt5_folder(folder: Path, byte_fallback: bool) -> Path:
    """A pipeline's folder whose tokenizer has pieces for bytes, as UMT5's has, saved as its repository has it."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces = [(f"<0x{byte:02X}>", 0.0) for byte in range(256)] + [("▁", -2.0)] + [(letter, -3.0) for letter in "afoxs"]
    tokenizer = Tokenizer(Unigram(special + pieces, unk_id=2, byte_fallback=byte_fallback))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    (folder / "tokenizer").mkdir()
    tokenizer.save(str(folder / "tokenizer" / "tokenizer.json"))
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "pad_token": "<pad>", "eos_token": "</s>"}
    (folder / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def loaded(folder: Path) -> T5Tokenizer:
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    assert isinstance(tokenizer, T5Tokenizer)
    restore_byte_fallback(SimpleNamespace(components={"tokenizer": tokenizer, "vae": None}), folder)
    return tokenizer


@pytest.mark.parametrize("byte_fallback", [True, False])
def test_a_prompt_is_read_as_the_models_tokenizer_file_says(tmp_path: Path, byte_fallback: bool) -> None:
    folder = umt5_folder(tmp_path, byte_fallback)
    said = Tokenizer.from_file(str(folder / "tokenizer" / "tokenizer.json")).encode(PROMPT)
    assert loaded(folder)(PROMPT).input_ids == said.ids
    assert ("<0x99>" in said.tokens) == byte_fallback


def test_two_signs_that_the_vocabulary_lacks_are_two_prompts(tmp_path: Path) -> None:
    tokenizer = loaded(umt5_folder(tmp_path, byte_fallback=True))
    assert tokenizer("a ☃").input_ids != tokenizer("a ♞").input_ids


def test_a_tokenizer_without_a_file_stays_as_it_is(tmp_path: Path) -> None:
    folder = umt5_folder(tmp_path, byte_fallback=True)
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    before = tokenizer(PROMPT).input_ids
    (folder / "tokenizer" / "tokenizer.json").unlink()
    restore_byte_fallback(SimpleNamespace(components={"tokenizer": tokenizer}), folder)
    assert tokenizer(PROMPT).input_ids == before
