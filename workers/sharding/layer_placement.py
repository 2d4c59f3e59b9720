"""Blocks one after the other on several devices of one process: for a model that one device cannot hold.

It makes room, not speed: while one device works the others wait.
"""

from collections.abc import Sequence

import torch
from accelerate.hooks import AlignDevicesHook, add_hook_to_module

from workers.sharding.parallelism import blocks_of


def lay_out(transformer: torch.nn.Module, devices: Sequence[torch.device]) -> dict[str, torch.device]:
    """From the name of each child, and of each block, to its device: in their order, about as many bytes on each.

    What stands before the blocks lies on the first device and what comes after them on the last.
    """
    names = {id(module): name for name, module in transformer.named_modules()}
    blocks = blocks_of(transformer)
    parts: list[tuple[str, torch.nn.Module]] = []
    for name, child in transformer.named_children():
        inside = [(names[id(block)], block) for block in blocks if names[id(block)].startswith(f"{name}.")]
        parts += inside or [(name, child)]
    share = sum(_bytes(part) for _, part in parts) / len(devices)
    placed, begun = {}, 0.0
    among_blocks = {names[id(block)] for block in blocks}
    for name, part in parts:
        if name in among_blocks:
            # By its middle: a block lies where most of it belongs.
            placed[name] = devices[min(int((begun + _bytes(part) / 2) / share), len(devices) - 1)]
        else:
            placed[name] = devices[-1] if among_blocks & placed.keys() else devices[0]
        begun += _bytes(part)
    return placed


def spread(transformer: torch.nn.Module, devices: Sequence[torch.device]) -> None:
    """Move each part to its device, with hooks that carry tensors from one to the next and the result back."""
    for name, device in lay_out(transformer, devices).items():
        add_hook_to_module(
            transformer.get_submodule(name), AlignDevicesHook(execution_device=device, place_submodules=True)
        )
    # What is the transformer's own (a table of shifts) is small, and the families take its device for granted.
    add_hook_to_module(transformer, AlignDevicesHook(execution_device=devices[0], io_same_device=True))


def _bytes(module: torch.nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in (*module.parameters(), *module.buffers()))
