"""The parts of a model built on the meta device: every shape and dtype, no data."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from torch import nn

from farm.catalog.schema import ModelEntry
from farm.errors import Fault, InvalidRequest

#: What is planned for; tokenizers and samplers need no memory to speak of.
PARTS = ("transformer", "text_encoder", "vae")
#: Beside them, by family.
MORE_PARTS = {
    "wan-animate": ("image_encoder",),
    "wan-i2v": ("image_encoder",),
    "wan-flf2v": ("image_encoder",),
    "sana-controlnet": ("controlnet",),
    "wan22": ("transformer_2",),
    "wan22-i2v": ("transformer_2",),
}
#: Shipped descriptions name the first expert of a model with two; the second is built like it.
_ALIKE = {"transformer_2": "transformer"}
_SHIPPED = Path(__file__).parent.parent / "architectures"


@dataclass(frozen=True)
class Part:
    """One component of a pipeline, on the meta device in the dtype that it is loaded with."""

    name: str
    source: str  # where its description was read
    module: nn.Module
    dtype: torch.dtype  # of most of it

    @property
    def config(self) -> Any:
        """What its description says, by attribute."""
        return self.module.config


def build_parts(entry: ModelEntry) -> dict[str, Part]:
    """The parts of a model by name, without weights and without a network.

    Raises InvalidRequest for a model of which nothing here says how it is built.
    """
    return {name: _build(name, place, entry) for name, place in _places(entry)}


def _places(entry: ModelEntry) -> Iterator[tuple[str, Path]]:
    """Each part with the file that describes it: that of the model's folder, else one that is shipped."""
    folder = entry.source.folder()
    missing = []
    for name in (*PARTS, *MORE_PARTS.get(entry.family, ())):
        beside = folder / name / "config.json" if folder is not None else None
        described = entry.architecture.get(name) or entry.architecture.get(_ALIKE.get(name, name))
        shipped = _SHIPPED / f"{described}.json"
        if beside is not None and beside.is_file():
            yield name, beside
        elif shipped.is_file():
            yield name, shipped
        else:
            missing.append(name)
    if missing:
        known = ", ".join(sorted(path.stem for path in _SHIPPED.glob("*.json")))
        text = (
            f"nothing here says how its {' and '.join(missing)} is built: give 'architecture' in the catalog "
            f"({known}), or a 'source.path' whose folder holds NAME/config.json"
        )
        raise InvalidRequest([Fault(f"models.{entry.name}", text)], f"{entry.name} cannot be planned.")


def _build(name: str, place: Path, entry: ModelEntry) -> Part:
    dtype: torch.dtype = getattr(torch, entry.dtype.get(name, entry.dtype["default"]))
    config: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    with torch.device("meta"):
        if "_class_name" in config:
            made = _as_loaded(getattr(diffusers, config["_class_name"]), config, dtype)
        else:
            kind = getattr(transformers, config["architectures"][0])
            made = kind(kind.config_class.from_dict(config))
    _cast(made, dtype)
    return Part(name, str(place), made.eval().requires_grad_(False), dtype)


def _as_loaded(kind: Any, config: dict[str, Any], dtype: torch.dtype) -> nn.Module:
    """Made while `dtype` is torch's default, as `from_pretrained` does it: some buffers follow that."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        made: nn.Module = kind.from_config(config)
        return made
    finally:
        torch.set_default_dtype(before)


def _cast(module: nn.Module, dtype: torch.dtype) -> None:
    """To the dtype it is loaded with; what the class keeps in float32 stays there, as `from_pretrained` does it."""
    kept = set(getattr(module, "_keep_in_fp32_modules", None) or ())
    if isinstance(module, transformers.PreTrainedModel) and dtype != torch.float16:
        kept = set(getattr(module, "_keep_in_fp32_modules_strict", None) or ())  # the others for float16 only
    for name, child in module.named_modules():
        for own, parameter in child.named_parameters(recurse=False):
            parts = {*name.split("."), own}
            if parameter.is_floating_point():
                parameter.data = parameter.data.to(torch.float32 if parts & kept else dtype)
        for own, buffer in child.named_buffers(recurse=False):
            if buffer.is_floating_point() and own not in child._non_persistent_buffers_set:
                child._buffers[own] = buffer.to(dtype)
