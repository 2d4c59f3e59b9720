"""Memory, power and heat of this worker's GPUs as NVIDIA's driver says, asked at each scrape by the parent: no torch.

Needs nvidia-ml-py (extra `nvml`) and a driver; where either is missing, or says nothing of something, it is left out.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from farm.metrics.process_metrics import GPU_BUSY, GPU_MEMORY, GPU_POWER, GPU_TEMPERATURE, OF_GPUS
from farm.metrics.recorder import Recorder

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

log = structlog.get_logger(__name__)


def watch_gpus(metrics: Recorder, environment: Mapping[str, str] = os.environ) -> None:
    """Let `metrics` show the GPUs that this process may use; nothing where nobody reads, or none can be asked."""
    if not metrics.reads:
        return
    try:
        import pynvml
    except ModuleNotFoundError:
        return
    try:
        pynvml.nvmlInit()
        gpus = list(_handles(pynvml, environment.get("CUDA_VISIBLE_DEVICES")))
    except pynvml.NVMLError as error:
        log.info("no metrics of GPUs", reason=str(error))
        return
    if gpus:
        metrics.add(GpuCollector(pynvml, gpus))


class GpuCollector:
    """Asks the driver when somebody reads. `nvml`: the module pynvml, opened; `handles`: the GPUs to ask for."""

    def __init__(self, nvml: Any, handles: list[Any]) -> None:
        self._nvml = nvml
        self._gpus = [
            (handle, (_text(nvml.nvmlDeviceGetUUID(handle)), _text(nvml.nvmlDeviceGetName(handle))))
            for handle in handles
        ]

    def collect(self) -> "Iterator[Family]":
        """What each GPU says of itself now."""
        from prometheus_client.core import GaugeMetricFamily

        families = {
            metric.name: GaugeMetricFamily(metric.name, metric.about, labels=metric.labels) for metric in OF_GPUS
        }
        for handle, names in self._gpus:
            for name, labels, ask in self._questions(handle):
                with suppress(self._nvml.NVMLError):  # not every GPU can say everything, and one may have gone
                    families[name].add_metric([*names, *labels], ask())
        yield from (family for family in families.values() if family.samples)

    def _questions(self, handle: Any) -> list[tuple[str, tuple[str, ...], Callable[[], float]]]:
        nvml = self._nvml
        return [
            (GPU_MEMORY.name, ("used",), lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used),
            (GPU_MEMORY.name, ("total",), lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total),
            (GPU_POWER.name, (), lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),  # mW
            (GPU_TEMPERATURE.name, (), lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            (GPU_BUSY.name, (), lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),  # percent
        ]


def _handles(nvml: Any, visible: str | None) -> Iterator[Any]:
    """The GPUs that CUDA may use, by number or UUID as CUDA_VISIBLE_DEVICES says; without it, all.

    Numbers are taken in the order of the bus. CUDA's own is that too where all GPUs of a machine are alike.
    """
    if visible is None:
        yield from (nvml.nvmlDeviceGetHandleByIndex(number) for number in range(nvml.nvmlDeviceGetCount()))
        return
    for name in (part.strip() for part in visible.split(",")):
        if name.isdigit():
            yield nvml.nvmlDeviceGetHandleByIndex(int(name))
        elif name.startswith(("GPU-", "MIG-")):
            yield nvml.nvmlDeviceGetHandleByUUID(name)
        else:
            return  # as CUDA does: what follows on a name that is none is not used


def _text(name: Any) -> str:
    """Bytes in older versions of the library."""
    return name.decode() if isinstance(name, bytes) else str(name)
