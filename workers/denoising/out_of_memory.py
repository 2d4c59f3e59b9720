"""Out of memory: how it is told from other errors, and what gives memory back. What happens then depends on the work.

A pass or a decode of several renders is tried again in halves (`fault_isolation`), and the worker learns how many fit
(`MemoryFits`, `scheduler.batching.memory_limits`). An adapter is loaded again without others beside it (`lora`), a
parked track goes to the host (`workers.engine.parked_tracks`), and a render that does not fit alone fails.
"""

import gc

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory ran out, on the device or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "not enough memory" in str(error)  # torch's CPU allocator


def free_memory(device: torch.device) -> None:
    """Give back what the allocator holds but nobody uses."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
