"""Which adapters work in a transformer just now, asked of its layers and of nothing that was noted down before."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from math import isclose
from typing import Any

from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import AuxiliaryTrainingWrapper
from torch import nn

#: Adapters with their weights, by slot, in the order in which the layers add them.
Active = Sequence[tuple[str, float]]
_ALIKE = 1e-9  # relative: weight x (alpha / rank) rounds in another order than (weight x alpha) / rank


class TunerLayers:
    """The layers of one transformer of a pipeline that peft has put adapters beside.

    Every pass asks all of them. Finding them takes ten times as long as asking them, so they are found when something
    was loaded or unloaded (`find`), which is the only time when there may be others.
    """

    def __init__(self, pipeline: Any, component: str = "transformer") -> None:
        self._pipeline = pipeline
        self._component = component
        self._bare: dict[str, nn.Module] = {}  # the transformer's modules before there was any adapter
        self._found: list[Any] = []
        self._own: list[dict[str, float]] = []  # of each layer: slot → its scale at a weight of 1, alpha / rank
        self._counts: Counter[str] = Counter()  # slot → layers that have something of it

    @property
    def _transformer(self) -> Any:
        return getattr(self._pipeline, self._component)

    def find(self) -> None:
        """Look for the layers anew."""
        transformer = self._transformer
        self._found = [module for module in transformer.modules() if isinstance(module, BaseTunerLayer)]
        if not self._found and not self._bare:
            self._bare = dict(transformer.named_modules(remove_duplicate=False))
        self._own = []
        for layer in self._found:
            now = dict(layer.scaling)
            for slot in now:
                layer.set_scale(slot, 1.0)
            self._own.append(dict(layer.scaling))
            layer.scaling.update(now)
        self._counts = Counter(chain.from_iterable(self._own))

    def count(self, slot: str) -> int:
        """How many layers have something of this slot."""
        return self._counts[slot]

    def stray(self) -> str | None:
        """The name of a module outside of these layers that peft has put something into; none as a rule."""
        transformer = self._transformer
        others = chain.from_iterable(
            part.named_modules()
            for name, part in self._pipeline.components.items()
            # The other expert of two has adapters of its own, and is asked before its own passes.
            if isinstance(part, nn.Module) and not name.startswith("transformer")
        )
        kinds = ((transformer.named_modules(), AuxiliaryTrainingWrapper), (others, BaseTunerLayer))
        return next((name for modules, kind in kinds for name, module in modules if isinstance(module, kind)), None)

    def fault(self, wanted: Active) -> str | None:
        """How what is active differs from `wanted`; None: it is exactly that."""
        names = [slot for slot, _ in wanted]
        for layer, own in zip(self._found, self._own, strict=True):
            if layer.merged_adapters:
                return f"merged into the weights: {', '.join(layer.merged_adapters)}"
            if layer.disable_adapters != (not names):
                return "a layer is switched off" if names else f"still switched on: {', '.join(layer.active_adapters)}"
            if not names:
                continue
            if layer.active_adapters != names:
                return f"active are {', '.join(layer.active_adapters) or 'none'}"
            for slot, weight in wanted:
                if slot in own and not isclose(layer.scaling[slot], weight * own[slot], rel_tol=_ALIKE):
                    return f"{slot} has a scale of {layer.scaling[slot]:g} and not {weight * own[slot]:g}"
        lacking = [slot for slot in names if not self.count(slot)]
        return f"nothing is loaded of {', '.join(lacking)}" if lacking else None

    def switch_off(self) -> None:
        """None is active from here on."""
        for layer in self._found:
            layer.enable_adapters(False)

    def switch_on(self, wanted: Active) -> None:
        """These are active from here on; all of them are loaded."""
        names = [slot for slot, _ in wanted]
        for layer in self._found:
            layer.set_adapter(names, inference_mode=True)
            for slot, weight in wanted:
                layer.set_scale(slot, weight)
        for layer in self._found:
            layer.enable_adapters(True)

    def remove_all(self) -> None:
        """Every module as it was before the first adapter. Raises RuntimeError where that cannot be."""
        transformer = self._transformer
        if hasattr(transformer, "unload_lora"):
            transformer.unload_lora()  # hooks of offloading are put on anew
        for name, module in self._bare.items():
            parent, _, last = name.rpartition(".")
            if name and self._bare[parent]._modules.get(last) is not module:
                self._bare[parent]._modules[last] = module
        self.find()
        now = dict(transformer.named_modules(remove_duplicate=False))
        if now.keys() != self._bare.keys() or any(self._bare[name] is not module for name, module in now.items()):
            raise RuntimeError("modules of adapters are left in the transformer")
