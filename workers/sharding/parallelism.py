"""A transformer in parts over the ranks of a group: its weights, the tokens it works on, or both.

Every rank calls `split` with its own copy of the same transformer; afterwards they must all run every pass.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import ContextParallelConfig
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from farm.catalog.pool import Sharding
from workers.sharding.errors import ShardingFailed


def check_splits(transformer: Any, sharding: Sharding, device: torch.device) -> None:
    """Raise ShardingFailed where the transformer has no plan for this, or its heads do not divide."""
    kind = type(transformer).__name__
    if sharding.splits_weights and not blocks_of(transformer):
        raise ShardingFailed(f"{kind} has no list of blocks whose weights could be split; take by: sequence")
    if sharding.sequence_parts == 1:
        return
    if getattr(transformer, "_cp_plan", None) is None:
        raise ShardingFailed(f"diffusers has no plan to split the sequence of {kind}; take by: weights, or layers")
    if sharding.ring > 1 and device.type == "cpu":
        raise ShardingFailed("the attention that a ring needs runs on GPUs only; leave 'ring' out on the CPU")
    heads, ulysses = transformer.config.num_attention_heads, sharding.sequence_parts // sharding.ring
    if heads % ulysses:
        fits = [str(parts) for parts in range(2, heads + 1) if heads % parts == 0]
        raise ShardingFailed(
            f"{kind} has {heads} attention heads, which {ulysses} ranks cannot share equally (Ulysses); "
            f"take {', '.join(fits[:8])} devices, or more of them in the ring"
        )


def blocks_of(transformer: torch.nn.Module) -> list[torch.nn.Module]:
    """The blocks that are gathered and let go one by one."""
    lists = (part for part in transformer.children() if isinstance(part, torch.nn.ModuleList))
    return [block for part in lists for block in part]


def split(transformer: Any, sharding: Sharding, device: torch.device) -> None:
    """Keep this rank's part, on its device. The process group of the ranks must exist. Raises ShardingFailed."""
    check_splits(transformer, sharding, device)
    transformer.requires_grad_(False)  # before FSDP looks: only a LoRA ever learns
    if sharding.sequence_parts > 1:
        _split_sequence(transformer, sharding, device)
    if sharding.splits_weights:
        # By this name alone peft 0.21 tells parts of weights from tensor parallelism, where a LoRA is in parts too.
        mesh = init_device_mesh(device.type, (sharding.devices,), mesh_dim_names=("fsdp",))
        for part in (*blocks_of(transformer), transformer):
            odd = _odd_parameters(part)
            for parameter in odd:
                parameter.data = parameter.data.to(device)
            # The root too, which FSDP would keep gathered after its first pass: as a rule no backward pass is to come.
            fully_shard(part, mesh=mesh, ignored_params=odd, reshard_after_forward=True)
        transformer.register_forward_hook(_forget_pass)
    else:
        transformer.to(device)


def _split_sequence(transformer: Any, sharding: Sharding, device: torch.device) -> None:
    """Ulysses, a ring, or Ulysses inside a ring, by the plan that the model brings."""
    ring, ulysses = sharding.ring, sharding.sequence_parts // sharding.ring
    mesh = init_device_mesh(device.type, (ring, ulysses), mesh_dim_names=("ring", "ulysses"))
    config = ContextParallelConfig(ring_degree=ring, ulysses_degree=ulysses, mesh=mesh)
    try:
        with _an_accelerator(device):
            transformer.enable_parallelism(config=config)
    except ValueError as error:  # the attention backend cannot
        raise ShardingFailed(f"{type(transformer).__name__}: {error}") from error


@contextmanager
def _an_accelerator(device: torch.device) -> Iterator[None]:
    """diffusers 0.42 divides the rank by the number of accelerators, which is none on a machine without one."""
    if device.type != "cpu":
        yield
        return
    counted = torch.accelerator.device_count
    setattr(torch.accelerator, "device_count", lambda: 1)  # noqa: B010 (mypy would rather have no assignment)
    try:
        yield
    finally:
        setattr(torch.accelerator, "device_count", counted)  # noqa: B010


def _forget_pass(transformer: Any, _args: Any, _output: Any) -> None:
    """FSDP (torch 2.13) notes down each block that it lets go, for a backward pass to begin with the last: where none
    is to come, for ever.
    """
    if not torch.is_grad_enabled() and hasattr(transformer, "reset_iter_state"):
        transformer.reset_iter_state()


def _odd_parameters(part: torch.nn.Module) -> set[torch.nn.Parameter]:
    """Those not yet split whose dtype is not that of the most weights: a gather needs one dtype.

    Models keep a few norms and tables in float32 among bfloat16; these stay whole on every rank.
    """
    parameters = [parameter for parameter in part.parameters() if not hasattr(parameter, "to_local")]
    sizes: Counter[torch.dtype] = Counter()
    for parameter in parameters:
        sizes[parameter.dtype] += parameter.numel()
    if not sizes:
        return set()
    [(usual, _)] = sizes.most_common(1)
    return {parameter for parameter in parameters if parameter.dtype != usual}
