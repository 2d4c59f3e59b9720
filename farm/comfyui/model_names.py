"""Which model of the built-in catalog a file of ComfyUI is, by its name."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

#: How weights are stored, which says nothing of the model.
_STORED_AS = re.compile(
    r"(?<![a-z0-9])(fp32|fp16|bf16|fp8|int8|nvfp4|mxfp8|e4m3fn|e5m2|scaled|fast|mixed|kj|comfyui|diffusers"
    r"|q\d( [0-9k]( [sml])?)?|nf4|gguf)(?![a-z0-9])"
)
_MODELS: Mapping[str, str] = {
    "wan21t2v13b": "wan21-t2v-1300m",
    "wan21t2v14b": "wan21-t2v-14b",
    "wan21i2v480p14b": "wan21-i2v-14b-480p",
    "wan21i2v14b480p": "wan21-i2v-14b-480p",
    "wan21i2v720p14b": "wan21-i2v-14b-720p",
    "wan21i2v14b720p": "wan21-i2v-14b-720p",
    "wan22ti2v5b": "wan22-ti2v-5b",
    "sana600m512px": "sana-600m-512px",
    "sana600m1024px": "sana-600m-1024px",
    "sana1600m512px": "sana-1600m-512px",
    "sana1600m512pxmultiling": "sana-1600m-512px-multiling",
    "sana1600m1024px": "sana-1600m-1024px",
    "sana1600m1024pxmultiling": "sana-1600m-1024px-multiling",
    "sana1600m2kpx": "sana-1600m-2kpx",
    "sana1600m4kpx": "sana-1600m-4kpx",
    "sana1516b1024px": "sana15-1600m-1024px",
    "sana1548b1024px": "sana15-4800m-1024px",
}


def model_of_file(name: str) -> str | None:
    """The catalog's model whose weights such a file holds in whatever precision; None: none of them."""
    stem = re.sub(r"\.(safetensors|sft|gguf|pth|ckpt|pt)$", "", PurePosixPath(name.replace("\\", "/")).name.lower())
    return _MODELS.get(re.sub(r"[^a-z0-9]", "", _STORED_AS.sub("", stem.replace("-", "_").replace("_", " "))))


#: The names above without precision, for tests that hold them against the catalog.
KNOWN = frozenset(_MODELS.values())
