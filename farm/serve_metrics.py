"""Whether a process is read, and by what: the one call that a scheduler or worker makes at its start."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version

from farm.connections import Connections
from farm.metrics.process_metrics import OF_EVERY_PROCESS, PROCESS_INFO, Metric
from farm.metrics.recorder import NOBODY_READS


@contextmanager
def readable(connections: Connections, role: str, metrics: Sequence[Metric], pool: str = "") -> Iterator[None]:
    """Inside, `connections.metrics` can be read at a port if `metrics_port` says so; these are shown from the start."""
    if connections.settings.metrics_port is None:
        yield
        return
    # Imported here: who shows nothing need not load it.
    from farm.metrics.call_timings import watch_database, watch_storage
    from farm.metrics.port import open_port
    from farm.metrics.prometheus import PrometheusRecorder

    recorder = PrometheusRecorder([*OF_EVERY_PROCESS, *metrics], {"pool": pool} if pool else {})
    recorder.put(PROCESS_INFO, 1, role=role, pool=pool, version=version("latent-farm"))
    watch_database(connections.engine, recorder)
    connections.storage.on_connect = lambda client: watch_storage(client, recorder)
    connections.metrics = recorder
    try:
        with open_port(connections.settings, recorder.registry, role):
            yield
    finally:
        connections.metrics = NOBODY_READS
