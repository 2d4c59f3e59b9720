"""Adapters (LoRA) on the transformer of a loaded pipeline: one set is active at a time, the last ones stay loaded.

A set is exchanged between two passes: weights of an adapter that is loaded already are only switched on. Without any
adapter the transformer gives, to the bit, what it gave before the first one was loaded.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from farm.params import RenderParameters
from workers.adapter_weights import load_weights
from workers.protocol import RenderOrder

log = structlog.get_logger(__name__)


class AdapterUnfit(ValueError):
    """An adapter is not one for this model; the message names it."""


class AdapterMissing(ValueError):
    """The file of an adapter is not on this machine; the message names it."""


@dataclass(frozen=True)
class Adapter:
    """One adapter of a render: its file on this machine, and how strongly it works."""

    name: str  # as people know it
    sha256: str  # of the file: equal names may mean other weights tomorrow
    path: str
    weight: float
    partial: bool = False  # whether it is loaded too where the model takes only some of its layers

    @property
    def slot(self) -> str:
        """What it is called inside the transformer: one slot for each file, and another where part of it will do."""
        return f"{'p' if self.partial else 'a'}{self.sha256[:24]}"


def adapters_of(order: RenderOrder, parameters: RenderParameters) -> list[Adapter]:
    """The adapters of a render, whose files came with its order. Raises AdapterMissing."""
    found = []
    for adapter in parameters.loras:
        path = order.inputs.get(adapter_file(adapter.sha256))
        if path is None:
            raise AdapterMissing(
                f"the file of the adapter {adapter.name!r} could not be had; the worker's log says why"
            )
        found.append(Adapter(adapter.name, adapter.sha256, path, adapter.weight, adapter.partial))
    return found


def adapter_file(sha256: str) -> str:
    """What the file of an adapter is called among the inputs of an order."""
    return f"loras/{sha256}"


class Adapters:
    """The adapters of one pipeline. `most` of them stay loaded, those that were used last."""

    def __init__(self, pipeline: Any, *, most: int) -> None:
        self.most = most
        self._pipeline = pipeline
        self._loaded: OrderedDict[str, Adapter] = OrderedDict()  # by slot, the one that was used last at the end
        self._active: tuple[tuple[str, float], ...] = ()

    @property
    def loaded(self) -> list[str]:
        """The sha256 of each file that is loaded."""
        return [adapter.sha256 for adapter in self._loaded.values()]

    def use(self, adapters: Sequence[Adapter]) -> None:
        """Make exactly these the active ones, in this order (their sum depends on it in the last bits).

        Raises AdapterUnfit, after which none is active.
        """
        wanted = tuple((adapter.slot, adapter.weight) for adapter in adapters)
        if wanted == self._active:
            return
        self._rest()
        for adapter in adapters:
            self._load(adapter)
        self._forget({adapter.slot for adapter in adapters})
        if wanted:
            self._pipeline.transformer.enable_adapters()
            self._pipeline.set_adapters([slot for slot, _ in wanted], [weight for _, weight in wanted])
            self._active = wanted

    def _rest(self) -> None:
        """Switch off what is active."""
        if self._active:
            self._pipeline.transformer.disable_adapters()
            self._active = ()

    def _load(self, adapter: Adapter) -> None:
        if adapter.slot in self._loaded:
            self._loaded.move_to_end(adapter.slot)
            return
        if not hasattr(self._pipeline, "load_lora_weights"):
            raise AdapterUnfit(f"{type(self._pipeline).__name__} takes no LoRA, so not {adapter.name!r}")
        try:
            load_weights(self._pipeline, adapter.path, adapter.slot, partly=adapter.partial)
        except Exception as error:  # peft, diffusers and safetensors have each their own
            self._drop(adapter.slot)
            # What they say lists every layer of the model, between braces.
            reason = re.sub(r"\{.*?\}", "…", str(error), flags=re.DOTALL).strip()[:200] or type(error).__name__
            raise AdapterUnfit(f"the adapter {adapter.name!r} does not fit this model: {reason}") from error
        finally:
            # A new adapter is switched on by loading it.
            if getattr(self._pipeline.transformer, "peft_config", None):
                self._pipeline.transformer.disable_adapters()
        for part in self._pipeline.transformer.parameters():
            part.requires_grad_(False)
        self._loaded[adapter.slot] = adapter
        log.info("adapter loaded", adapter=adapter.name, loaded=len(self._loaded))

    def _forget(self, needed: set[str]) -> None:
        """Unload those that were not used for longest, until no more than `most` are left."""
        for slot in [slot for slot in self._loaded if slot not in needed]:
            if len(self._loaded) <= self.most:
                return
            log.info("adapter unloaded", adapter=self._loaded.pop(slot).name)
            self._drop(slot)

    def _drop(self, slot: str) -> None:
        if slot in getattr(self._pipeline.transformer, "peft_config", {}):
            self._pipeline.delete_adapters(slot)
