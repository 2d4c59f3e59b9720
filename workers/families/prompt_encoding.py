"""A prompt becomes an embedding: a model's text encoder over the prompt and, apart from it, over the negative prompt.

What was encoded before is taken from `workers.engine.embedding_cache`.

Texts are as long as their prompts: what a model's mask hides is neither encoded nor attended to. Sana pads each prompt
to 300 tokens and hides the padding behind a mask, so that it weighs exactly nothing: attention adds -10,000 to what is
hidden, and its exponential is 0 in every dtype. Leaving it out gives the same picture for less work: most prompts have
10 to 80 tokens. (Wan cannot be spared it: its transformer attends to the padding.)
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from workers.denoising.track import Embeddings, Track
from workers.families.base import Prepared
from workers.families.guidance import rows_of

#: Lengths are rounded up to it, so that kernels find even shapes and texts of a pass agree more often.
_MULTIPLE = 16
#: Of one text: (1, tokens, width), and its mask (1, tokens), or None where the model has none.
EncodedText = tuple[Tensor, Tensor | None]


def negative_prompt(prepared: Prepared) -> str:
    """The render's negative prompt: the empty text where it has none, as in the pipelines."""
    asked: str | None = getattr(prepared.parameters, "negative_prompt", None)
    return asked or ""


def encode_prompts(
    prepared: Prepared,
    encode: Callable[[str], EncodedText],
    encode_negative: Callable[[str], EncodedText],
    known: Embeddings | None,
) -> Embeddings:
    """Both prompts of a render; without guidance only the first.

    known: embeddings of a render with the same negative prompt; their negative half is taken as it is.
    """
    text, mask = encode(prepared.parameters.prompt)
    if not prepared.guided:
        return Embeddings(text, mask)
    if known is not None:
        return Embeddings(text, mask, known.negative, known.negative_mask)
    return Embeddings(text, mask, *encode_negative(negative_prompt(prepared)))


def encode_sana_text(
    pipeline: Any, prompt: str, *, tokens: int, instruction: list[str] | None, device: torch.device, **options: bool
) -> EncodedText:
    """By Sana's and SANA-Sprint's text encoder. `options`: what the pipeline's `encode_prompt` takes beside."""
    text, mask = pipeline.encode_prompt(
        prompt,
        **options,
        device=device,
        clean_caption=False,
        max_sequence_length=tokens,
        complex_human_instruction=instruction,
    )[:2]
    return text, mask


def encode_wan_text(pipeline: Any, prompt: str, *, tokens: int, device: torch.device) -> Tensor:
    """By Wan's text encoder, in its own dtype; what is behind the text is zeros, which the transformer sees."""
    text: Tensor
    text, _ = pipeline.encode_prompt(
        prompt=prompt, do_classifier_free_guidance=False, max_sequence_length=tokens, device=device
    )
    return text


def rounded_length(tokens: int, most: int) -> int:
    """Tokens that a text is padded to: at least its own, at most the model's constant.

    A text of no token at all keeps the whole padding: where everything is hidden nothing is, attention is even then.
    """
    return most if tokens < 1 else min(-(-tokens // _MULTIPLE) * _MULTIPLE, most)


def longest_text(tracks: Sequence[Track]) -> int:
    """Tokens of the longest text of a pass, prompts and negative prompts: all its rows are padded to it."""
    texts = [text for track in tracks for text in (track.embeddings.text, _negative(track)) if text is not None]
    return max(text.shape[1] for text in texts)


def padded_rows(parts: Iterable[Tensor | None], tokens: int) -> Tensor:
    """All rows in one tensor, (rows, tokens, …): what is shorter ends with zeros. Raises ValueError as `rows_of`."""
    return rows_of(None if part is None else padded(part, tokens) for part in parts)


def padded(text: Tensor, tokens: int) -> Tensor:
    """(1, tokens, width), or a mask of (1, tokens), with zeros at its end."""
    missing = tokens - text.shape[1]
    if missing <= 0:
        return text
    return pad(text, (0, missing) if text.dim() == 2 else (0, 0, 0, missing))


def _negative(track: Track) -> Tensor | None:
    return track.embeddings.negative if track.guided else None
