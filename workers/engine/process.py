"""The engine's process: `python -m workers.engine.process --fd N --pool NAME --spool FOLDER [--hold-folders]`.

The worker starts it with one end of a socket pair. It loads its model, says Ready, and renders what it is
sent until the socket closes. It decides nothing: signals are for the parent, and when the parent is gone so
is the engine.
"""

import argparse
import os
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import structlog

from farm.catalog import ModelEntry, PoolEntry, load_catalog
from farm.errors import FarmError
from farm.logs import configure_logging, identify
from farm.progress import ProgressBoard
from farm.settings import Settings, load_settings
from workers.model_files.installed_packages import share_reading
from workers.parent_death import belong_to_parent
from workers.protocol import (
    STATE_IN_DOUBT,
    Alive,
    DropRender,
    FromEngine,
    LoadFailed,
    ParkRenders,
    Ready,
    RenderBatch,
    ResumeRenders,
    SaveCheckpoints,
    Stop,
    ToEngine,
)

if TYPE_CHECKING:
    from workers.engine.embedding_cache import EmbeddingCache
    from workers.engine.engine_metrics import Measuring
    from workers.engine.step_loop import Engine
    from workers.pipelines.load import Loaded

log = structlog.get_logger(__name__)

#: The parent hears from a live loop at least this often, in seconds.
ALIVE_SECONDS = 1.0
#: Exit status when the model cannot be loaded, and when the device is lost.
LOAD_FAILED, DEVICE_LOST = 3, 4


class Line:
    """Our end of the socket; remembers when something was last said. Not for two threads at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sent_at = time.monotonic()

    def send(self, message: FromEngine) -> None:
        """Raises ConnectionError when the parent is gone."""
        self._connection.send(message)
        self._sent_at = time.monotonic()

    def keep_alive(self) -> None:
        """Say Alive if nothing has been said for a while."""
        if time.monotonic() - self._sent_at >= ALIVE_SECONDS:
            self.send(Alive())

    def receive(self, seconds: float) -> ToEngine | None:
        """The next message, waiting that long at most. Raises EOFError or ConnectionError when the parent is gone."""
        if not self._connection.poll(seconds):
            return None
        message: ToEngine = self._connection.recv()
        return message


class AliveMeanwhile:
    """Says Alive from a thread while the main thread loads: there is no loop yet that could."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alive-while-loading", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(ALIVE_SECONDS):
            try:
                self._line.send(Alive())
            except OSError:  # the parent is gone, and with it the reason to load
                os._exit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the parent closes the socket. Returns the exit status."""
    options = _options(arguments)
    belong_to_parent()
    line = Line(Connection(options.fd))
    try:
        settings = load_settings()
        configure_logging(settings)
        catalog = load_catalog(settings)
        pool = catalog.pool(options.pool)
        entry = catalog.model(pool.model)
        identify(role="engine", worker=options.worker)
        with structlog.contextvars.bound_contextvars(model=entry.name, pool=pool.name):
            return _run(line, settings, entry, pool, options.spool, hold_folders=options.hold_folders)
    except FarmError as error:
        line.send(LoadFailed(str(error)))
        return LOAD_FAILED
    except (EOFError, ConnectionError) as error:
        log.info("the worker is gone, so the engine stops", error=type(error).__name__)
        return 0


def _run(line: Line, settings: Settings, entry: ModelEntry, pool: PoolEntry, spool: Path, *, hold_folders: bool) -> int:
    """Load, then render."""
    failure: str | None = None
    set_up_environment()
    with AliveMeanwhile(line):
        # Imported here: torch alone takes seconds, in which the parent should hear something.
        from workers.denoising.checkpoint_file import weights_of
        from workers.denoising.fault_isolation import DeviceLost, StateInDoubt
        from workers.engine.engine_metrics import Measuring
        from workers.engine.previews import Previews
        from workers.engine.step_loop import Engine
        from workers.engine.warm_up import warm_up
        from workers.model_files.first_loads import FirstLoads
        from workers.pipelines.load import LoadingFailed, choose_device, load

        _set_up_torch(pool.threads or settings.torch_threads)
        spool.mkdir(parents=True, exist_ok=True)
        try:
            first_loads = FirstLoads(settings) if hold_folders else None
            loaded = load(entry, pool, choose_device(pool.device, settings.device), first_loads=first_loads)
            if pool.warm_up:
                warm_up(loaded.family, compiled_for=pool.max_batch if pool.compile else None)
        except LoadingFailed as error:
            failure = str(error)
    if failure is not None:
        log.error("the model could not be loaded", reason=failure)
        line.send(LoadFailed(failure))
        return LOAD_FAILED
    cache = _keep_embeddings(loaded, settings)
    line.send(Ready(loaded.facts))
    try:
        previews = Previews(loaded.family, settings.preview_seconds or None)
        engine = Engine(loaded.family, spool, weights=weights_of(loaded.facts), previews=previews)
        serve(line, engine, Measuring(engine.passes, cache, loaded.family.device) if settings.metrics_port else None)
    except DeviceLost:
        log.exception("the device is lost; a new engine process is needed")
        return DEVICE_LOST
    except StateInDoubt:
        log.exception("the model is in doubt; a new engine process is needed")
        return STATE_IN_DOUBT
    return 0


def _keep_embeddings(loaded: "Loaded", settings: Settings) -> "EmbeddingCache | None":
    """Let the family remember the embeddings of prompts, and share them with other workers if it may."""
    from workers.engine.embedding_cache import EmbeddingCache

    if not settings.embedding_cache_mb:
        return None
    seconds, url = settings.embedding_cache_seconds, settings.redis_url
    loaded.family.kept = cache = EmbeddingCache(
        loaded.facts,
        most_bytes=settings.embedding_cache_mb * 10**6,
        shared_cache=ProgressBoard(url.get_secret_value(), settings.redis_ca_file) if seconds and url else None,
        shared_seconds=seconds,
    )
    return cache


def serve(line: Line, engine: "Engine", measuring: "Measuring | None" = None) -> None:
    """Between two steps, hear what the parent wants; when idle, wait for it. Returns on Stop.

    `measuring`: what the parent is told for metrics; none: nobody reads them.
    """
    while True:
        message = line.receive(ALIVE_SECONDS if engine.idle else 0)
        while message is not None:
            if isinstance(message, Stop):
                return
            if isinstance(message, RenderBatch):
                engine.admit(message)
            elif isinstance(message, DropRender):
                engine.drop(message.render_id, message.attempt)
            elif isinstance(message, ParkRenders):
                line.send(engine.park(message.render_ids))
            elif isinstance(message, ResumeRenders):
                line.send(engine.resume(message.render_ids))
            elif isinstance(message, SaveCheckpoints):
                for saved in engine.save_checkpoints(message.render_ids):
                    line.send(saved)
            message = line.receive(0)
        for said in engine.step():
            line.send(said)
        if measuring is not None and (measured := measuring.due()):
            line.send(measured)
        line.keep_alive()


def set_up_environment() -> None:
    """What libraries read from the environment as they are imported or as CUDA starts; what is installed, once."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # the deterministic one
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    share_reading()


def _set_up_torch(threads: int | None) -> None:
    """Threads as the pool says; the deterministic variants wherever they cost nothing."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False  # or the algorithm depends on what ran before
    torch.backends.cudnn.deterministic = True


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workers.engine.process", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="our end of the socket pair, inherited")
    parser.add_argument("--pool", required=True, help="the pool it renders for, which names its model")
    parser.add_argument("--spool", type=Path, required=True, help="the folder where pixels are left")
    parser.add_argument("--worker", default="", help="the worker's id, for the log")
    parser.add_argument("--hold-folders", action="store_true", help="ask the database how folders were loaded first")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
