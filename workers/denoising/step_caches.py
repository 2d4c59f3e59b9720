"""Step caches: passes of `fast` renders leave out blocks whose part hardly changed since the pass before.

They are diffusers' own, and on the transformer only while renders that want one have a pass. What a cache decides it
decides for all rows of a pass, so it belongs to one batch: the same renders, pass after pass. Those that lose a
member, come from a checkpoint, come to the other expert of a model that has two, or failed in the middle of a pass,
begin anew with a whole pass; that costs time and changes last bits, not the picture. Before each pass the transformer
is asked whether a cache is on it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from diffusers.hooks import (
    FirstBlockCacheConfig,
    HookRegistry,
    MagCacheConfig,
    SeaCacheConfig,
    apply_first_block_cache,
    apply_mag_cache,
    apply_sea_cache,
)
from diffusers.hooks._helpers import TransformerBlockMetadata, TransformerBlockRegistry
from diffusers.hooks.first_block_cache import _FBC_BLOCK_HOOK, _FBC_LEADER_BLOCK_HOOK
from diffusers.hooks.mag_cache import _MAG_CACHE_BLOCK_HOOK, _MAG_CACHE_LEADER_BLOCK_HOOK
from diffusers.hooks.sea_cache import _SEA_CACHE_BLOCK_HOOK, _SEA_CACHE_LEADER_BLOCK_HOOK, _SEA_CACHE_ROOT_HOOK
from diffusers.models.cache_utils import CacheMixin
from diffusers.models.transformers.sana_transformer import SanaTransformerBlock
from diffusers.models.transformers.transformer_sana_video import SanaVideoTransformerBlock
from torch import nn

from farm.catalog.step_cache import StepCache
from workers.denoising.fault_isolation import StateInDoubt
from workers.denoising.track import Track

#: Names under which diffusers' caches put their hooks on blocks.
_HOOKS = frozenset(
    {
        *(_FBC_LEADER_BLOCK_HOOK, _FBC_BLOCK_HOOK),
        *(_MAG_CACHE_LEADER_BLOCK_HOOK, _MAG_CACHE_BLOCK_HOOK),
        *(_SEA_CACHE_ROOT_HOOK, _SEA_CACHE_LEADER_BLOCK_HOOK, _SEA_CACHE_BLOCK_HOOK),
    }
)
#: Companies whose caches are kept while others have passes; each holds some hidden states of all its rows.
MOST_KEPT = 4

# diffusers says of Wan's blocks what they take and give, not of these.
for _block in (SanaTransformerBlock, SanaVideoTransformerBlock):
    TransformerBlockRegistry.register(_block, TransformerBlockMetadata(return_hidden_states_index=0))


class StepCaches:
    """Of the transformers of one pipeline; one thread uses it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], _Attached] = OrderedDict()  # by batch, the last used at the end
        self._attached: _Attached | None = None  # what is on the transformer now

    @property
    def left_out(self) -> bool:
        """Whether the last pass left out blocks."""
        return self._attached is not None and self._attached.whole < self._attached.calls

    def use(self, tracks: Sequence[Track], transformer: nn.Module) -> None:
        """Before a pass of these by that transformer, which want the same: put on their cache, take off that of others.

        Raises StateInDoubt where the transformer has one on that they do not want, or has not the one that they do.
        """
        first, batch = tracks[0], tuple(track.order.render_id for track in tracks)
        wanted = self._going_on(batch, first, transformer)
        if self._attached is not None and self._attached is not wanted:
            self._attached.detach()
            self._attached = None
        if wanted is None:
            wanted = self._anew(first, transformer)
        if wanted is not None and self._attached is None:
            wanted.attach()
            self._attached = wanted
        if _is_on(transformer) != (wanted is not None):
            raise StateInDoubt(
                f"a step cache is {'off' if wanted else 'on'} that should be {'on' if wanted else 'off'}"
            )
        if wanted is None:
            return
        wanted.begin(first)
        self._kept[batch] = wanted
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def forget(self, render_id: str) -> None:
        """A render has left: what its companies were remembered for takes memory, and nobody goes on with it."""
        self._let_go(batch for batch in self._kept if render_id in batch)

    def broke_off(self, tracks: Sequence[Track]) -> None:
        """A pass of these raised, which left their cache half-way between two steps: they begin anew."""
        batch = tuple(track.order.render_id for track in tracks)
        self._let_go(names for names in self._kept if names == batch)

    def clear(self) -> None:
        """There is no memory, or the transformer's layers change: whoever goes on begins anew."""
        self._let_go(self._kept)

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """One call of the transformer in a pass; `name` tells it from the others."""
        if self._attached is None:
            yield
            return
        self._attached.calls += 1
        # As a function, since Sana's transformers have no such method.
        with CacheMixin.cache_context(self._attached.transformer, name, **self._attached.where):
            yield

    def _let_go(self, batches: Iterable[tuple[str, ...]]) -> None:
        for batch in list(batches):
            gone = self._kept.pop(batch)
            if gone is self._attached:
                gone.detach()
                self._attached = None

    def _going_on(self, batch: tuple[str, ...], first: Track, transformer: nn.Module) -> "_Attached | None":
        """The cache of this batch, if this is the pass after its last and by the same transformer."""
        kept = self._kept.pop(batch, None)
        self._kept = OrderedDict((names, attached) for names, attached in self._kept.items() if not attached.over)
        goes_on = kept is not None and kept.step + 1 == first.step and kept.transformer is transformer
        return kept if goes_on else None

    def _anew(self, first: Track, transformer: nn.Module) -> "_Attached | None":
        """A cache that remembers nothing; None if they want none, or can have none from this step on."""
        cache = first.parameters.step_cache
        if cache is None or (cache.kind == "mag" and first.step):  # it counts the steps itself, from the first
            return None
        return _Attached(transformer, cache, first.steps)


class _Attached:
    """The cache of one batch. Modules keep their hooks in a few attributes, which are exchanged as a whole: so what
    it remembers outlives the passes of others, and hooks of other purposes stay as they are.
    """

    def __init__(self, transformer: nn.Module, cache: StepCache, steps: int) -> None:
        """The transformer wears no other just now, and not this one either until `attach`."""
        self.transformer = transformer
        self._modules = _hooked(transformer)
        last = max(_block_lists(transformer), key=len)[-1]
        self._steps = steps
        self.step = -1  # of the last pass
        self.where: dict[str, Any] = {}
        self.calls = self.whole = 0  # of the transformer in this pass, and how many ran all blocks
        bare = self._attributes()
        try:
            for module in self._modules:
                module._diffusers_hook = HookRegistry(module)
                if vars(module).get("_compiled_call_impl") is not None:
                    # Hooks decide in Python, which no compiled graph holds: they go around what is compiled.
                    module.forward = torch.compile(module.forward, fullgraph=True)
                    del module._compiled_call_impl
            last.forward = self._counted(last.forward)
            _apply(transformer, cache, steps)
            self._exchanged = self._attributes()
        finally:  # also what could be put on only in part comes off
            self._set(bare)

    @property
    def over(self) -> bool:
        """Whether its batch has had its last pass."""
        return self.step + 1 >= self._steps

    def attach(self) -> None:
        self._exchange()

    def detach(self) -> None:
        self._exchange()

    def begin(self, first: Track) -> None:
        """A pass for `first` and others at the same step."""
        self.step, self.calls, self.whole = first.step, 0, 0
        sigma = first.schedule[first.step][1]
        self.where = {"step_index": first.step, "num_inference_steps": first.steps, "sigma": sigma}

    def _counted(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The last block's own work; where it is done, the call left out nothing."""

        @wraps(forward)
        def counted(*arguments: Any, **named: Any) -> Any:
            self.whole += 1
            return forward(*arguments, **named)

        return counted

    def _exchange(self) -> None:
        now = self._attributes()
        self._set(self._exchanged)
        self._exchanged = now

    def _attributes(self) -> list[dict[str, Any]]:
        names = ("_diffusers_hook", "forward", "_compiled_call_impl")
        return [{name: vars(module).get(name) for name in names} for module in self._modules]

    def _set(self, attributes: list[dict[str, Any]]) -> None:
        for module, wanted in zip(self._modules, attributes, strict=True):
            for name, value in wanted.items():
                if value is not None:
                    setattr(module, name, value)
                elif name in vars(module):
                    delattr(module, name)


def _block_lists(transformer: nn.Module) -> list[nn.ModuleList]:
    return [part for part in transformer.children() if isinstance(part, nn.ModuleList)]


def _hooked(transformer: nn.Module) -> list[nn.Module]:
    """What caches put hooks on."""
    return [transformer, *(block for blocks in _block_lists(transformer) for block in blocks)]


def _is_on(transformer: nn.Module) -> bool:
    """Whether any block has a hook of a cache: what the transformer says, not what is remembered here."""
    registries = (vars(module).get("_diffusers_hook") for module in _hooked(transformer))
    return any(registry is not None and not _HOOKS.isdisjoint(registry.hooks) for registry in registries)


def _apply(transformer: nn.Module, cache: StepCache, steps: int) -> None:
    if cache.kind == "first-block":
        apply_first_block_cache(transformer, FirstBlockCacheConfig(threshold=cache.threshold))
    elif cache.kind == "sea":
        apply_sea_cache(transformer, SeaCacheConfig(threshold=cache.threshold))
    else:
        ratios = list(cache.mag_ratios)
        config = MagCacheConfig(threshold=cache.threshold, num_inference_steps=steps, mag_ratios=ratios)
        apply_mag_cache(transformer, config)


def position(track: Track) -> tuple[object, ...] | None:
    """What those must have in common, beside the shape, that share the passes of a cache; None without one."""
    cache = track.parameters.step_cache
    return None if cache is None else (track.step, tuple(track.schedule), track.guided)
