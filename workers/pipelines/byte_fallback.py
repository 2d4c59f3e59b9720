"""What tokenizer.json says of bytes holds: characters outside a vocabulary are read as their bytes, not as <unk>.

UMT5, in front of Wan, has a piece for each byte. The T5 tokenizer of transformers 5 takes the vocabulary out of
`tokenizer.json` and says `byte_fallback=False` itself (seen with 5.23.0, findings/t5-tokenizer-forgets-bytes.sh;
4.57 went by the file), so that a typographic quote and every rare character are the same unknown piece.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers.models import Unigram


def restore_byte_fallback(pipeline: Any, folder: Path) -> None:
    """Let the pipeline's Unigram tokenizers fall back to bytes where a `tokenizer.json` in `folder` asks for it."""
    for name, component in pipeline.components.items():
        backend, file = getattr(component, "backend_tokenizer", None), folder / name / "tokenizer.json"
        if backend is None or not isinstance(backend.model, Unigram) or not file.is_file():
            continue
        if not json.loads(file.read_bytes())["model"].get("byte_fallback"):
            continue
        # The model offers no way to ask or to set this, so it is made anew from what it says of itself.
        model = json.loads(backend.to_str())["model"]
        if not model["byte_fallback"]:
            pieces = [(piece, score) for piece, score in model["vocab"]]
            backend.model = Unigram(pieces, unk_id=model["unk_id"], byte_fallback=True)
