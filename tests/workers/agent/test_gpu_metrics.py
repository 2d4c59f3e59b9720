"""GPUs among the metrics: as a driver says, without what one cannot say, and nothing where there is no driver.

The driver is the outermost edge: no machine of the tests has one. `StandIn` answers as NVML does.
"""

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from farm.metrics.exposition import expose
from farm.metrics.prometheus import PrometheusRecorder
from workers.agent.telemetry.gpu_metrics import GpuCollector, _handles, watch_gpus


class StandIn:
    """Two GPUs; the second is a slice of one (MIG), which has no power of its own."""

    NVMLError = pynvml.NVMLError
    NVML_TEMPERATURE_GPU = 0

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetHandleByUUID(self, name: str) -> int:
        return int(name[-1])

    def nvmlDeviceGetUUID(self, handle: int) -> str | bytes:
        return f"GPU-{handle}" if handle else b"GPU-0"

    def nvmlDeviceGetName(self, handle: int) -> str:
        return "NVIDIA H200"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(used=5_000_000_000, total=150_000_000_000)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        if handle:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 76_500

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        return 31

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        return SimpleNamespace(gpu=98)


def test_what_a_gpu_says_is_shown_in_base_units_and_what_it_cannot_say_is_left_out() -> None:
    metrics = PrometheusRecorder([], {})
    metrics.add(GpuCollector(StandIn(), [0, 1]))
    text = expose(metrics.registry, "")[0].decode()
    named = 'gpu="GPU-0",name="NVIDIA H200"'
    assert f"farm_gpu_power_watts{{{named}}} 76.5" in text
    assert 'farm_gpu_memory_bytes{gpu="GPU-0",kind="used",name="NVIDIA H200"} 5e+09' in text
    assert f"farm_gpu_busy_ratio{{{named}}} 0.98" in text
    assert 'farm_gpu_temperature_celsius{gpu="GPU-1"' in text
    assert 'farm_gpu_power_watts{gpu="GPU-1"' not in text


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(None, [0, 1]), ("1", [1]), ("1, 0", [1, 0]), ("GPU-aaaa1", [1]), ("0,-1,1", [0]), ("", [])],
)
def test_only_the_gpus_that_cuda_may_use_are_asked(visible: str | None, expected: list[int]) -> None:
    assert list(_handles(StandIn(), visible)) == expected


def test_without_a_driver_there_are_none() -> None:
    metrics = PrometheusRecorder([], {})
    watch_gpus(metrics)
    assert b"farm_gpu" not in expose(metrics.registry, "")[0]
