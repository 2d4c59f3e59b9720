"""What `farm up` does before it imports the rest of itself: it takes the data folder, forks the engines' fork server.

That one imports torch and diffusers, which takes longer than all else of a start, so that the farm is ready as soon as
it is. What both need is imported before the fork, and so is once in memory.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from farm.catalog import PoolEntry, load_catalog
from farm.local import farm_processes
from farm.local.folder import DataFolder
from farm.local.prefork import Preforked, has_one_thread, prefork_program
from farm.local.program import Program
from farm.settings import Settings


@dataclass(frozen=True)
class HeadStart:
    """A farm that has begun: its settings and pools, its data folder, and the engines' fork server where one may be."""

    settings: Settings
    workers: Mapping[str, int]
    pools: Sequence[PoolEntry]
    folder: DataFolder
    engines: Preforked | None


def begin(settings: Settings, workers: Mapping[str, int] | None = None) -> HeadStart:
    """Begin a farm in a process that is for this farm alone. `workers`: how many of a pool, not what the catalog says.

    Raises UnknownPool, StartFailed when an extra is not installed, and InUse when another farm has the data folder.
    """
    farm_processes.require_extras()
    pools = pools_of(settings, workers or {})
    folder = DataFolder(settings.data_dir)
    program = engine_fork_server(settings, pools, folder)
    engines = None
    if program is not None and has_one_thread():
        importlib.import_module(program.command[2])
        engines = prefork_program(program, folder.logs)
    return HeadStart(settings, workers or {}, pools, folder, engines)


def pools_of(settings: Settings, workers: Mapping[str, int]) -> list[PoolEntry]:
    """The catalog's pools; one of which so many workers are asked for has just so many. Raises UnknownPool."""
    catalog = load_catalog(settings)
    wanted = {name: catalog.pool(name) for name in workers}
    return [
        pool.model_copy(update={"workers": workers[name], "scaling": None}) if name in workers else pool
        for name, pool in (catalog.pools | wanted).items()
    ]


def engine_fork_server(settings: Settings, pools: Sequence[PoolEntry], folder: DataFolder) -> Program | None:
    """None where no engine is forked here, or a fork server of somebody's own is named."""
    if settings.engine_fork_server is not None or not farm_processes.needs_engine_fork_server(pools):
        return None
    environment = {**os.environ, "TMPDIR": str(folder.scratch)}
    return farm_processes.engine_fork_server(environment, folder.runtime / "engine.sock")
