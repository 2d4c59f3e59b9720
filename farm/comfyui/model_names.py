"""Which model of the built-in catalog a file of ComfyUI is, by its name."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from farm.params.request.base import HIGH_NOISE, LOW_NOISE, Expert

#: How weights are stored, which says nothing of the model.
_STORED_AS = re.compile(
    r"(?<![a-z0-9])(fp32|fp16|bf16|fp8|int8|nvfp4|mxfp8|e4m3(fn)?|e5m2|scaled|fast|mixed|kj|comfyui|diffusers"
    r"|q\d( [0-9k]( [sml])?)?|nf4|gguf)(?![a-z0-9])"
)
_MODELS: Mapping[str, str] = {
    "wan21t2v13b": "wan21-t2v-1300m",
    "wan21t2v14b": "wan21-t2v-14b",
    "wan21i2v480p14b": "wan21-i2v-14b-480p",
    "wan21i2v14b480p": "wan21-i2v-14b-480p",
    "wan21i2v720p14b": "wan21-i2v-14b-720p",
    "wan21i2v14b720p": "wan21-i2v-14b-720p",
    "wan21flf2v720p14b": "wan21-flf2v-14b-720p",
    "wan21flf2v14b720p": "wan21-flf2v-14b-720p",
    "wan21vace13b": "wan21-vace-1300m",
    "wan21vace14b": "wan21-vace-14b",
    "wan22t2v14b": "wan22-t2v-a14b",
    "wan22t2va14b": "wan22-t2v-a14b",
    "wan22i2v14b": "wan22-i2v-a14b",
    "wan22i2va14b": "wan22-i2v-a14b",
    "wan21t2v14blightx2v4step": "wan21-t2v-14b-4step",
    "wan21i2v480plightx2v4step": "wan21-i2v-14b-480p-4step",
    "wan22i2va14blightx2v4step": "wan22-i2v-a14b-4step",
    "wan22animate14b": "wan22-animate-14b",
    "wan22ti2v5b": "wan22-ti2v-5b",
    "sanasprint600m1024px": "sprint-600m-1024px",
    "sanasprint06b1024px": "sprint-600m-1024px",
    "sanasprint1600m1024px": "sprint-1600m-1024px",
    "sanasprint16b1024px": "sprint-1600m-1024px",
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


#: Of the two files of a model with two experts.
_EXPERTS: Mapping[str, Expert] = {"highnoise": HIGH_NOISE, "lownoise": LOW_NOISE}
_EXPERT = re.compile(r"(?<![a-z0-9])(high|low) ?noise(?![a-z0-9])")
#: Where models of two experts change from one to the other: the share of noise, as their pipelines are published.
BOUNDARIES: Mapping[str, float] = {
    "wan22-t2v-a14b": 0.875,
    "wan22-i2v-a14b": 0.9,
    "wan22-t2v-a14b-4step": 0.875,
    "wan22-i2v-a14b-4step": 0.9,
}
#: The models that follow a control picture: by the model that the weights of a ControlNet were made for.
_CONTROLLED: Mapping[str, str] = {"sana-1600m-1024px": "sana-1600m-1024px-controlnet-hed"}


def controlled_model(model: str, control_net: str) -> str | None:
    """The catalog's model with a ControlNet, by the names of model and file; None: there is none."""
    words = _plain(control_net)
    return _CONTROLLED.get(model) if "controlnet" in words and "hed" in words else None


def expert_of_file(name: str) -> Expert | None:
    """Which of two experts such a file holds; None: a whole model."""
    found = _EXPERT.search(_plain(name))
    return _EXPERTS[found[0].replace(" ", "")] if found else None


def model_of_file(name: str) -> str | None:
    """The catalog's model whose weights such a file holds in whatever precision; None: none of them."""
    return _MODELS.get(re.sub(r"[^a-z0-9]", "", _STORED_AS.sub("", _EXPERT.sub("", _plain(name)))))


def _plain(name: str) -> str:
    stem = re.sub(r"\.(safetensors|sft|gguf|pth|ckpt|pt)$", "", PurePosixPath(name.replace("\\", "/")).name.lower())
    return stem.replace("-", " ").replace("_", " ")


#: The names above without precision, for tests that hold them against the catalog.
KNOWN = frozenset(_MODELS.values()) | frozenset(_CONTROLLED.values())
