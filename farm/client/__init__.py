"""The Python client of a farm, over its HTTP API.

from farm.client import FarmClient

with FarmClient() as farm:
    job = farm.submit("sana-demo", "a red circle on a blue background", seed_count=4)
    farm.wait(job.id)
    for path in farm.download(job.id, "pictures"):
        print(path)
"""

from farm.client.async_client import AsyncFarmClient
from farm.client.client import FarmClient
from farm.client.errors import (
    AmbiguousId,
    DownloadIncomplete,
    FarmProblem,
    FarmUnreachable,
    NoAddress,
    NotRendered,
    WaitTimeout,
)
from farm.client.live import Beat, JobChanged, LiveEvent, StepProgress
from farm.client.replies import (
    Adapter,
    AdapterFit,
    Artifact,
    Cancelled,
    Cost,
    DeadLetter,
    FailedAttempt,
    FileProgress,
    Forecast,
    Input,
    Job,
    JobEvent,
    Kept,
    Model,
    Pool,
    Quota,
    Quote,
    Range,
    Render,
    Retried,
    ScaleChange,
    Scaling,
    Switched,
    Usage,
    UsageDay,
    Why,
    Worker,
)
from farm.client.waiting import JobProgress

__all__ = [
    "Adapter",
    "AdapterFit",
    "AmbiguousId",
    "Artifact",
    "AsyncFarmClient",
    "Beat",
    "Cancelled",
    "Cost",
    "DeadLetter",
    "DownloadIncomplete",
    "FailedAttempt",
    "FarmClient",
    "FarmProblem",
    "FarmUnreachable",
    "FileProgress",
    "Forecast",
    "Input",
    "Job",
    "JobChanged",
    "JobEvent",
    "JobProgress",
    "Kept",
    "LiveEvent",
    "Model",
    "NoAddress",
    "NotRendered",
    "Pool",
    "Quota",
    "Quote",
    "Range",
    "Render",
    "Retried",
    "ScaleChange",
    "Scaling",
    "StepProgress",
    "Switched",
    "Usage",
    "UsageDay",
    "WaitTimeout",
    "Why",
    "Worker",
]
