"""Where the parts of a pipeline lie: on the device, in host memory until they are needed, or on a device of their own.

None of it changes a bit of what comes out, as long as the work is done on the same kind of device.
"""

from collections.abc import Container
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import send_to_device
from torch import nn

from farm.catalog.pool import PoolEntry
from farm.catalog.schema import ModelEntry

_HOST = torch.device("cpu")


class OffloadingFailed(ValueError):
    """The parts cannot lie where their pool says; the message says why."""


def place_transformer(transformer: Any, pool: PoolEntry, device: torch.device) -> None:
    """The transformer on the device, or in host memory and brought piece by piece as it runs."""
    if pool.offload == "none":
        transformer.to(device)
        return
    overlapped = device.type == "cuda"  # the next piece comes in a stream of its own while one works
    by_blocks = {"offload_type": "block_level", "num_blocks_per_group": 1}
    transformer.enable_group_offload(
        onload_device=device,
        offload_device=_HOST,
        use_stream=overlapped,
        non_blocking=overlapped,
        **(by_blocks if pool.offload == "blocks" else {"offload_type": "leaf_level"}),
    )


def place_text_encoder(pipeline: Any, folder: Path, entry: ModelEntry, pool: PoolEntry, device: torch.device) -> None:
    """The text encoder where the pool says; who calls it need not know. Raises OffloadingFailed."""
    encoder, where = getattr(pipeline, "text_encoder", None), pool.text_encoder
    if encoder is None:
        return
    if where == "resident":
        encoder.to(device)
    elif where == "host":
        _visit(encoder, device)
    elif where == "released":
        _visit(encoder, device, _Reader(encoder, folder / "text_encoder", entry))
    else:
        own = torch.device(where)
        if own.type == "cuda" and (own.index or 0) >= torch.cuda.device_count():
            raise OffloadingFailed(
                f"pool '{pool.name}' puts the text encoder on {where}, and torch sees {torch.cuda.device_count()} "
                "CUDA devices; set text_encoder to 'host', or check CUDA_VISIBLE_DEVICES"
            )
        _live_apart(encoder.to(own), own)


def place_others(pipeline: Any, device: torch.device, *, apart: Container[str]) -> None:
    """All parts on the device but those that have a place of their own."""
    for name, part in pipeline.components.items():
        if isinstance(part, nn.Module) and name not in apart:
            part.to(device)


def _live_apart(module: nn.Module, own: torch.device) -> None:
    """Let the module work on its own device, and give results back where what it was given came from."""

    def bring(_: nn.Module, args: Any, kwargs: Any) -> Any:
        return send_to_device((args, kwargs), own)

    # Hooks see what was given before and after `bring`: the caller's device has to be remembered.
    def remember(module: nn.Module, args: Any, kwargs: Any) -> None:
        tensors = [value for value in [*args, *kwargs.values()] if isinstance(value, torch.Tensor)]
        module._caller = tensors[0].device if tensors else own  # type: ignore[assignment]

    def give_back(module: nn.Module, args: Any, output: Any) -> Any:
        return send_to_device(output, module._caller)

    module.register_forward_pre_hook(remember, with_kwargs=True)
    module.register_forward_pre_hook(bring, with_kwargs=True)
    module.register_forward_hook(give_back)


def _visit(module: nn.Module, device: torch.device, reader: "_Reader | None" = None) -> None:
    """Bring the module to the device for each call and back to host memory after; with a reader, keep no weights."""

    def come(module: nn.Module, args: Any) -> None:
        if reader is not None:
            reader.read()
        module.to(device)

    def go(module: nn.Module, args: Any, output: Any) -> None:
        if reader is None:
            module.to(_HOST)
        else:
            reader.release()

    module.register_forward_pre_hook(come)
    module.register_forward_hook(go, always_call=True)
    if reader is not None:
        reader.release()


class _Reader:
    """Drops the weights of a module and reads them again from its folder. Buffers are small and stay."""

    def __init__(self, module: nn.Module, folder: Path, entry: ModelEntry) -> None:
        self._module = module
        self._folder = folder
        self._variant = entry.source.variant
        self._pickle = entry.source.pickle
        self._dtype = getattr(torch, entry.dtype.get("text_encoder", entry.dtype["default"]))

    def release(self) -> None:
        for parameter in self._module.parameters():
            parameter.data = torch.empty(0, dtype=parameter.dtype)

    def read(self) -> None:
        kind: Any = type(self._module)
        fresh = kind.from_pretrained(
            str(self._folder),
            dtype=self._dtype,
            variant=self._variant,
            use_safetensors=None if self._pickle else True,
            local_files_only=True,
        )
        names = dict(fresh.named_parameters())
        for name, parameter in self._module.named_parameters():
            parameter.data = names[name].data
