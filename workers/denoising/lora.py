"""Adapters (LoRA) on the transformer of a loaded pipeline: one set is active at a time, the last ones stay loaded.

A set is exchanged between two passes: weights of an adapter that is loaded already are only switched on. Without any
adapter the transformer gives, to the bit, what it gave before the first one was loaded.

Before each pass the layers themselves are asked whether exactly what the pass wants is active, and no pass runs
otherwise: what was set last is not remembered here. Whatever goes wrong leaves none active, or none loaded; where the
layers do not confirm even that, StateInDoubt ends the process.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from warnings import catch_warnings, filterwarnings

import structlog
import torch
from peft import LoraConfig

from farm.params import RenderParameters
from workers.denoising.fault_isolation import StateInDoubt, is_device_lost
from workers.denoising.lora_layers import TunerLayers
from workers.denoising.lora_weights import load_weights
from workers.denoising.out_of_memory import free_memory, is_out_of_memory
from workers.protocol import RenderOrder, adapter_file

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


def adapters_of(order: RenderOrder, parameters: RenderParameters, expert: str | None = None) -> list[Adapter]:
    """The adapters of a render's pass, by that expert of a model with two, whose files came with its order.

    Raises AdapterMissing.
    """
    found = []
    for adapter in parameters.loras:
        if adapter.expert not in (None, expert):
            continue
        path = order.inputs.get(adapter_file(adapter.sha256))
        if path is None:
            raise AdapterMissing(
                f"the file of the adapter {adapter.name!r} could not be had; the worker's log says why"
            )
        found.append(Adapter(adapter.name, adapter.sha256, path, adapter.weight, adapter.partial))
    return found


class AdaptersInDoubt(RuntimeError):
    """The layers do not have the adapters that a pass wants, so it was not run; none is loaded any more."""


class Adapters:
    """The adapters of one transformer of a pipeline. `most` of them stay loaded, those that were used last.

    Parameters:
        component: the transformer's name in the pipeline.
        device: where its passes run, whose memory an adapter takes.
        before_loading: called before layers are put into the transformer or taken out of it.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        most: int,
        component: str = "transformer",
        device: torch.device = torch.device("cpu"),
        before_loading: Callable[[], None] = lambda: None,
    ) -> None:
        self.most = most
        self.barred: str | None = None  # why this pipeline takes none; None: it does
        self._pipeline = pipeline
        self._device = device
        self._before_loading = before_loading
        self._component = component
        self._layers = TunerLayers(pipeline, component)
        self._lent: str | None = None  # the slot of a LoRA that is being trained
        self._loaded: OrderedDict[str, Adapter] = OrderedDict()  # by slot, the one that was used last at the end

    @property
    def loaded(self) -> list[str]:
        """The sha256 of each file that is loaded."""
        return [adapter.sha256 for adapter in self._loaded.values()]

    def use(self, adapters: Sequence[Adapter]) -> None:
        """Make exactly these the active ones, in this order (their sum depends on it in the last bits).

        Raises AdapterUnfit, AdapterMissing, AdaptersInDoubt, or what says that memory ran out; none is active then.
        Raises StateInDoubt.
        """
        wanted = [(adapter.slot, adapter.weight) for adapter in adapters]
        if self._layers.fault(wanted) is None:
            for slot, _ in wanted:
                self._loaded.move_to_end(slot)
            return
        try:
            self._exchange(adapters)
            fault = self._layers.fault(wanted)
        except BaseException:
            self._switch_off()
            raise
        if fault is not None:
            log.error("other adapters are active than were switched on", fault=fault)
            self._unload_all()
            if wanted:
                names = ", ".join(repr(adapter.name) for adapter in adapters)
                raise AdaptersInDoubt(f"the model's layers did not take over exactly {names}; all was unloaded")

    def draw(self, config: LoraConfig) -> dict[str, torch.Tensor]:
        """First weights of a LoRA to be trained, drawn by peft from torch's own generator, by `lora_weight_name`.

        Raises AdapterUnfit.
        """
        with self.lend("drawn", config, {}) as parameters:
            transformer = getattr(self._pipeline, self._component)
            names = {id(part): name for name, part in transformer.named_parameters()}
            found = {lora_weight_name(names[id(part)], "drawn"): part.detach().clone() for part in parameters}
        self._take_back()
        return found

    @contextmanager
    def lend(
        self, slot: str, config: LoraConfig, weights: Mapping[str, torch.Tensor]
    ) -> Iterator[list[torch.nn.Parameter]]:
        """The parameters of a LoRA that is being trained, with these values, active until the block ends.

        Its layers stay in the transformer afterwards, switched off, until another one is lent. Raises AdapterUnfit.
        """
        transformer = getattr(self._pipeline, self._component)
        if self.barred is not None:
            raise AdapterUnfit(f"the pool of this worker takes no LoRA, so none can be trained: it {self.barred}")
        if not self._layers.count(slot):
            self._take_back()
            self._before_loading()
            self._layers.find()  # what there is without it
            self._lent = slot
            try:
                transformer.add_adapter(config, adapter_name=slot)
                self._layers.find()
            except BaseException:
                self._take_back()
                raise
        parameters = {
            lora_weight_name(name, slot): part for name, part in transformer.named_parameters() if f".{slot}." in name
        }
        for name, weight in weights.items():
            parameters[name].data = weight
        try:
            self._layers.switch_on([(slot, 1.0)])
            for part in parameters.values():
                part.requires_grad_(True)
            yield list(parameters.values())
        finally:
            for part in parameters.values():
                part.requires_grad_(False)
            self._switch_off()

    def _take_back(self) -> None:
        """Take the layers of what was lent last out of the transformer."""
        if self._lent is not None:
            slot, self._lent = self._lent, None
            self._drop(slot)

    def _exchange(self, adapters: Sequence[Adapter]) -> None:
        slots = {adapter.slot for adapter in adapters}
        self._layers.switch_off()
        for adapter in adapters:
            if not self._fits_beside_others(adapter):
                self._forget(slots, most=0)
                free_memory(self._device)
                self._load(adapter)
        self._forget(slots, most=self.most)
        if adapters:
            self._layers.switch_on([(adapter.slot, adapter.weight) for adapter in adapters])

    def _fits_beside_others(self, adapter: Adapter) -> bool:
        """Load it; False where memory ran out over that, and nothing of it is left."""
        try:
            self._load(adapter)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            log.warning("no memory for an adapter beside others", adapter=adapter.name, loaded=len(self._loaded))
            return False
        return True

    def _switch_off(self) -> None:
        """Switch off what is active, wherever it was left."""
        try:
            self._layers.find()
            self._layers.switch_off()
            fault = self._layers.fault([])
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        if fault is not None:
            log.error("adapters cannot be switched off", fault=fault)
            self._unload_all()

    def _unload_all(self) -> None:
        """The transformer as it was before the first adapter. Raises StateInDoubt."""
        self._loaded.clear()
        try:
            self._before_loading()
            self._layers.remove_all()
            if stray := self._layers.stray():
                raise RuntimeError(f"peft's own is left in {stray}")
        except Exception as error:
            raise StateInDoubt(f"adapters cannot be taken out of the transformer: {error}") from error

    def _load(self, adapter: Adapter) -> None:
        if adapter.slot in self._loaded:
            self._loaded.move_to_end(adapter.slot)
            return
        if not hasattr(self._pipeline, "load_lora_weights"):
            raise AdapterUnfit(f"{type(self._pipeline).__name__} takes no LoRA, so not {adapter.name!r}")
        if self.barred is not None:
            raise AdapterUnfit(f"the pool of this worker takes no LoRA, so not {adapter.name!r}: it {self.barred}")
        if not Path(adapter.path).is_file():
            raise AdapterMissing(f"the file of the adapter {adapter.name!r} is not there any more")
        self._before_loading()
        self._layers.find()  # what there is without it
        try:
            load_weights(self._pipeline, adapter.path, adapter.slot, partly=adapter.partial, component=self._component)
            self._layers.find()
            if stray := self._layers.stray():
                raise ValueError(f"it changes {stray}, which is not a layer of the transformer that takes one")
            if not self._layers.count(adapter.slot):
                raise ValueError("none of its layers is one of the model's")
        except Exception as error:  # peft, diffusers and safetensors have each their own
            self._drop(adapter.slot)
            if is_out_of_memory(error) or is_device_lost(error):
                raise
            raise AdapterUnfit(f"the adapter {adapter.name!r} does not fit this model: {_reason(error)}") from error
        finally:
            self._switch_off()  # a new adapter is switched on by loading it
        for part in getattr(self._pipeline, self._component).parameters():
            part.requires_grad_(False)
        self._loaded[adapter.slot] = adapter
        log.info("adapter loaded", adapter=adapter.name, loaded=len(self._loaded))

    def _forget(self, needed: set[str], *, most: int) -> None:
        """Unload those that were not used for longest, until no more than `most` are left; never the needed ones."""
        for slot in [slot for slot in self._loaded if slot not in needed]:
            if len(self._loaded) <= most:
                return
            log.info("adapter unloaded", adapter=self._loaded.pop(slot).name)
            self._drop(slot)

    def _drop(self, slot: str) -> None:
        """Unload what there is of it, however far its loading came; where that goes wrong, unload all."""
        self._loaded.pop(slot, None)
        self._before_loading()
        try:
            with catch_warnings():
                filterwarnings("ignore", message="Adapter .* was active which is now deleted")
                getattr(self._pipeline, self._component).delete_adapters(slot)
            self._layers.find()
            left = self._layers.count(slot) or self._layers.stray()
        except Exception as error:
            left = f"{type(error).__name__}: {error}"
        if left:
            log.error("an adapter cannot be unloaded by itself", left=left)
            self._unload_all()


def lora_weight_name(parameter: str, slot: str) -> str:
    """What a parameter of a LoRA is called in a file: without the name that it has inside of this process."""
    return parameter.replace(f".{slot}.", ".")


def _reason(error: Exception) -> str:
    """What a library says, for people: what it lists between braces are all layers of the model, slots mean nothing."""
    said = re.sub(r"\{.*?\}", "…", str(error), flags=re.DOTALL)
    return re.sub(r"\b[a-z][0-9a-f]{24}\b", "it", said).strip()[:200] or type(error).__name__
