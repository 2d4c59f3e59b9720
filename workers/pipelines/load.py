"""From a catalog entry to a loaded pipeline and its family: pinned, safetensors only, each part in its own
dtype.
"""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from farm.catalog.pool import PoolEntry, Sharding
from farm.catalog.schema import ModelEntry
from workers.families.base import Family, Ranks, Unsuitable
from workers.families.family_registry import UnknownFamily, find_family
from workers.model_files.check_files import Checked, check
from workers.model_files.download import Fetched, FetchFailed, fetch
from workers.model_files.first_loads import FirstLoads
from workers.model_files.weights import BadWeights, check_whole, read_index
from workers.pipelines.byte_fallback import restore_byte_fallback
from workers.pipelines.compile import CompilingFailed
from workers.pipelines.offload import OffloadingFailed
from workers.pipelines.precision import (
    PrecisionFailed,
    check_hardware,
    loading_arguments,
    precision_of,
    quantization_of,
)
from workers.pipelines.prepare import prepare_pipeline
from workers.pipelines.single_file import load_single_file
from workers.protocol import EngineFacts
from workers.sharding.errors import ShardingFailed

log = structlog.get_logger(__name__)

#: What the settings of a pool may ask in vain of this machine.
_SETTINGS = (PrecisionFailed, OffloadingFailed, CompilingFailed)


class LoadingFailed(RuntimeError):
    """The model could not be loaded; the message says what was wrong, where, and what to do."""


@dataclass(frozen=True)
class Loaded:
    """A family ready to render, and what a manifest says about it."""

    family: Family
    facts: EngineFacts


def load(
    entry: ModelEntry, pool: PoolEntry | None, device: torch.device, *, first_loads: FirstLoads | None = None
) -> Loaded:
    """Load the model of a catalog entry onto the device, as the pool says; without a pool, as a plain one would.

    With `first_loads` a folder without a lock must be as it was loaded first. Raises LoadingFailed.
    """
    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        if pool is not None:
            check_hardware(pool, device)
        family = find_family(entry.family)
        fetched = fetch(entry)
        folder = fetched.folder
        _check_class(folder, family, entry)
        check_whole([folder / path for path in fetched.weights])
        checked = _check_hashes(fetched, entry)
        if first_loads is not None:
            first_loads.check(entry, fetched, checked)
        pipeline, ranks = _load_pipeline(family, folder, entry, pool, device)
        loaded = family(pipeline, entry, device)
        loaded.ranks = ranks
        if pool is not None:
            loaded.prompt_padding = pool.prompt_padding
            for adapters in loaded.adapters.values():
                adapters.most = pool.loaded_adapters
                adapters.barred = pool.without_adapters
        if first_loads is not None:
            first_loads.keep(entry, fetched, checked)
    except (UnknownFamily, FetchFailed, BadWeights, Unsuitable, ShardingFailed, *_SETTINGS) as error:
        raise LoadingFailed(f"{entry.name}: {error}") from error
    hashes = {path: checked.sha256[path] for path in fetched.weights}
    log.info("model loaded", model=entry.name, folder=str(folder), device=str(device), files=len(hashes))
    return Loaded(loaded, _facts(entry, pool, device, fetched.revision, hashes))


def choose_device(*wishes: str) -> torch.device:
    """The first wish that is not 'auto' (cpu, cuda, cuda:N), or the best device there is. Raises
    LoadingFailed.
    """
    wish = next((wish for wish in wishes if wish != "auto"), None)
    if wish is None:
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wish)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LoadingFailed(
            f"device '{wish}' was asked for, and torch {torch.__version__} sees {torch.cuda.device_count()} CUDA "
            "devices; check the driver and CUDA_VISIBLE_DEVICES, or set the device to 'cpu'"
        )
    return device


def _check_class(folder: Path, family: type[Family], entry: ModelEntry) -> None:
    """Before gigabytes are read: is this the kind of pipeline that the family drives?"""
    found, wanted = read_index(folder).get("_class_name"), family.pipeline_class.__name__
    if found != wanted:
        raise Unsuitable(
            f"{folder / 'model_index.json'} says {found}, and the family '{entry.family}' drives {wanted}; "
            "correct 'family' or 'source' in the catalog"
        )


def _check_hashes(fetched: Fetched, entry: ModelEntry) -> Checked:
    """sha256 of each file by its path, all of them being what their source and the catalog's lock say.

    Reads each file once, before its weights are read: what is not right is never loaded. Raises BadWeights.
    """
    checked = check(fetched, entry.lock)
    if checked.wrong:
        raise BadWeights(
            f"{checked.reason}. `farm models pull {entry.name}` fetches again what does not agree with its source; "
            f"`farm models lock {entry.name}` takes what is there now"
            if entry.lock
            else f"{checked.reason}. `farm models pull {entry.name}` fetches it again"
        )
    return checked


def _load_pipeline(
    family: type[Family], folder: Path, entry: ModelEntry, pool: PoolEntry | None, device: torch.device
) -> tuple[Any, Ranks | None]:
    """The pipeline on its device; and the ranks beside this process, where its transformers lie on several."""
    sharding = pool.sharding if pool else None
    pipeline_class, transformers = family.pipeline_class, tuple(family.experts.values())
    dtypes = {component: getattr(torch, name) for component, name in entry.dtype.items()}
    try:
        pipeline = pipeline_class.from_pretrained(
            str(folder),
            dtype=dtypes,
            variant=entry.source.variant,
            # None: pickled files are read where a component has no safetensors.
            use_safetensors=None if entry.source.pickle else True,
            local_files_only=True,
            **loading_arguments(quantization_of(pool, transformers)),
            **_single_files(folder, entry),
        )
        restore_byte_fallback(pipeline, folder)
        prepare_pipeline(pipeline, folder, entry, pool, device, transformers)
    except (OffloadingFailed, CompilingFailed, BadWeights):
        raise
    except torch.OutOfMemoryError as error:
        raise LoadingFailed(
            f"{entry.name}: {device} has not enough memory for the weights (the catalog says {entry.memory_gb:g} GB)"
        ) from error
    except Exception as error:
        # diffusers and transformers raise many kinds; each is about the folder, and says which file.
        raise LoadingFailed(
            f"{entry.name}: {folder} could not be loaded as {pipeline_class.__name__}: {type(error).__name__}: {error}"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    if entry.vae_tiling is not None:
        pipeline.vae.enable_tiling(**entry.vae_tiling)
    if sharding is None or pool is None:
        return pipeline, None
    from workers.pipelines.shard import place

    return pipeline, place(pipeline, folder, entry, pool, sharding, device, transformers)


def _single_files(folder: Path, entry: ModelEntry) -> dict[str, Any]:
    """The components that one file holds, ready-made. Raises BadWeights."""
    return {
        component: load_single_file(
            folder, component, path, getattr(torch, entry.dtype.get(component, entry.dtype["default"]))
        )
        for component, path in entry.source.single_file.items()
    }


def _facts(
    entry: ModelEntry, pool: PoolEntry | None, device: torch.device, revision: str | None, hashes: dict[str, str]
) -> EngineFacts:
    return EngineFacts(
        model=entry.name,
        family=entry.family,
        source=entry.source.repo or entry.source.path or "",
        revision=revision,
        precision=precision_of(entry, pool),
        device=_device_name(device, pool.sharding if pool else None),
        torch_threads=torch.get_num_threads(),
        versions={name: version(name) for name in ("torch", "diffusers", "transformers", "latent-farm")},
        weight_sha256=hashes,
    )


def _device_name(device: torch.device, sharding: Sharding | None) -> str:
    """'NVIDIA H100 80GB HBM3', or 'CPU: ' and the processor's name: kinds, not serial numbers.

    Several are told from one, since what they take and the last bits of what they give may differ.
    """
    if sharding is not None:
        return f"{sharding.devices} x {_device_name(device, None)}, by {sharding.by}"
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return f"CPU: {names[0] if names else platform.processor() or platform.machine()}"
