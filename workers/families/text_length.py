"""Texts as long as their prompts: what a model's mask hides is neither encoded nor attended to.

Sana pads each prompt to 300 tokens and hides the padding behind a mask, so that it weighs exactly nothing: attention
adds -10,000 to what is hidden, and its exponential is 0 in every dtype. Leaving it out gives the same picture for less
work: most prompts have 10 to 80 tokens. (Wan cannot be spared it: its transformer attends to the padding.)
"""

from collections.abc import Iterable, Sequence

from torch import Tensor
from torch.nn.functional import pad

from workers.denoising.track import Track
from workers.families.guidance import rows_of

#: Lengths are rounded up to it, so that kernels find even shapes and texts of a pass agree more often.
_MULTIPLE = 16


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
