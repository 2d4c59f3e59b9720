"""One small tokenizer for all three demo models: byte-level BPE over the captions of the demo world.

It never meets an unknown token (bytes see to that), splits every Chinese character off, and lower-cases.
Sana's pipelines put a long instruction before the prompt; the tokenizer drops it, so the default call works
as it is.
"""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from farm.demo.captions import CHINESE, ENGLISH, caption, leave_out
from farm.demo.random_source import dice
from farm.demo.scenes import random_scene
from farm.demo.vocabulary import VAGUE

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
SANA_INSTRUCTION = r"(?m)\Agiven a user prompt.*^user prompt: ?"
"""From the start of the text to the last line 'User Prompt:'; (?m) lets the dot cross lines here."""


def build_tokenizer(*, ends_with_eos: bool) -> PreTrainedTokenizerFast:
    """Train the tokenizer. Gemma's kind begins with <bos> (Sana, Sprint), UMT5's ends with <eos> (Wan)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(SANA_INSTRUCTION), ""),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    form = f"$A {EOS}" if ends_with_eos else f"{BOS} $A"
    special = [(token, tokenizer.token_to_id(token)) for token in (BOS, EOS)]
    tokenizer.post_processor = processors.TemplateProcessing(single=form, special_tokens=special)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        padding_side="right",
        model_max_length=512,
    )


def _corpus() -> list[str]:
    rng = dice("tokenizer")
    texts = list(VAGUE)
    for clip in (False, True):
        for _ in range(1500):
            scene = random_scene(rng, clip=clip)
            texts += [caption(scene, language, rng) for language in (ENGLISH, CHINESE)]
            texts += [caption(leave_out(scene, rng), language, rng) for language in (ENGLISH, CHINESE)]
    return texts
