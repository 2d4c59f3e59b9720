"""The metrics of one process: of a scheduler or a worker, at its own port. docs/monitoring.md lists them.

No label may have a value for each job, render, project or person: Prometheus keeps a series for every value.
What the whole farm looks like is read from SQL, by the dashboard (`dashboard.reads.metrics`).
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What may be asked of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric: its name as it is scraped, what it says, and the names of its labels.

    `buckets`: of a histogram, the upper bounds of its buckets, in the unit of its name.
    """

    name: str
    kind: Kind
    about: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


#: From a statement by primary key to an upload that takes a minute.
_CALLS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: From a step of a small model to the render of a clip.
_WORK = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0)
#: From a farm that idles to one that is behind by a day.
_WAITS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)
_SHARES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
_BATCHES = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0)

PROCESS_INFO = Metric("farm_process_info", Kind.GAUGE, "Always 1; what this process is.", ("role", "pool", "version"))
DATABASE_SECONDS = Metric(
    "farm_database_statement_seconds",
    Kind.HISTOGRAM,
    "How long statements of SQL took, by their kind (select, insert, update, delete, other).",
    ("statement",),
    _CALLS,
)
DATABASE_ERRORS = Metric("farm_database_errors_total", Kind.COUNTER, "Statements of SQL that raised an error.")
STORAGE_SECONDS = Metric(
    "farm_storage_request_seconds",
    Kind.HISTOGRAM,
    "How long calls to the object storage took, with their retries, by operation of S3.",
    ("operation",),
    _CALLS,
)
STORAGE_ERRORS = Metric(
    "farm_storage_errors_total", Kind.COUNTER, "Calls to the object storage that failed in the end.", ("operation",)
)
OF_EVERY_PROCESS = (PROCESS_INFO, DATABASE_SECONDS, DATABASE_ERRORS, STORAGE_SECONDS, STORAGE_ERRORS)

SUPERVISOR_ACTS = Metric(
    "farm_supervisor_acts", Kind.GAUGE, "1 if this supervisor held the lease in its last round, else 0."
)
DUTY_SECONDS = Metric("farm_duty_pass_seconds", Kind.HISTOGRAM, "How long passes of a duty took.", ("duty",), _CALLS)
DUTY_FAILURES = Metric("farm_duty_failures_total", Kind.COUNTER, "Passes of a duty that raised an error.", ("duty",))
DUTY_CHANGES = Metric("farm_duty_changes_total", Kind.COUNTER, "Things that passes of a duty changed.", ("duty",))
LOST_LEASES = Metric(
    "farm_lost_leases_total", Kind.COUNTER, "Leases that ran out because their worker was not heard of any more."
)
OF_SCHEDULERS = (SUPERVISOR_ACTS, DUTY_SECONDS, DUTY_FAILURES, DUTY_CHANGES, LOST_LEASES)

_POOL = ("pool",)
WAIT_SECONDS = Metric(
    "farm_render_wait_seconds",
    Kind.HISTOGRAM,
    "From the submission of a render to its claim; whatever it was held for is in it.",
    ("pool", "class"),
    _WAITS,
)
BATCH_FILL = Metric(
    "farm_batch_fill_ratio", Kind.HISTOGRAM, "Slots of a batch that were taken as it began.", _POOL, _SHARES
)
JOINED = Metric("farm_joined_renders_total", Kind.COUNTER, "Renders that joined a running batch.", _POOL)
HELD = Metric("farm_held_renders", Kind.GAUGE, "Renders whose lease this worker holds.", _POOL)
ATTEMPTS = Metric(
    "farm_attempts_total", Kind.COUNTER, "Attempts that this worker settled, by outcome.", ("pool", "outcome")
)
VOID_SETTLEMENTS = Metric(
    "farm_void_settlements_total", Kind.COUNTER, "Settlements that did not count: revoked meanwhile.", _POOL
)
REVOKED = Metric(
    "farm_revoked_renders_total", Kind.COUNTER, "Leases that this worker was told it has lost, or was cancelled.", _POOL
)
ENGINE_DEATHS = Metric("farm_engine_deaths_total", Kind.COUNTER, "Engines that died or were killed.", _POOL)
PASS_SECONDS = Metric(
    "farm_pass_seconds", Kind.HISTOGRAM, "Transformer passes, each for all renders that shared it.", _POOL, _WORK
)
PASS_RENDERS = Metric("farm_pass_renders", Kind.HISTOGRAM, "Renders that shared a pass.", _POOL, _BATCHES)
STAGE_SECONDS = Metric(
    "farm_stage_seconds",
    Kind.HISTOGRAM,
    "Stages of a render: encode, steps and decode in the engine, store (encode the file, upload) after it.",
    ("pool", "stage"),
    _WORK,
)
EMBEDDINGS = Metric(
    "farm_embeddings_total", Kind.COUNTER, "Embeddings of prompts that were looked up: hit or miss.", ("pool", "result")
)
ENGINE_MEMORY = Metric(
    "farm_engine_memory_bytes",
    Kind.GAUGE,
    "Memory of the engine's device as torch counts it: allocated, reserved, or peak of the allocated.",
    ("pool", "kind"),
)
OF_WORKERS = (
    WAIT_SECONDS, BATCH_FILL, JOINED, HELD, ATTEMPTS, VOID_SETTLEMENTS, REVOKED, ENGINE_DEATHS, PASS_SECONDS,
    PASS_RENDERS, STAGE_SECONDS, EMBEDDINGS, ENGINE_MEMORY,
)  # fmt: skip

_GPU = ("gpu", "name")
GPU_MEMORY = Metric("farm_gpu_memory_bytes", Kind.GAUGE, "Memory of a GPU: used or total.", (*_GPU, "kind"))
GPU_POWER = Metric("farm_gpu_power_watts", Kind.GAUGE, "What a GPU draws.", _GPU)
GPU_TEMPERATURE = Metric("farm_gpu_temperature_celsius", Kind.GAUGE, "How hot a GPU is.", _GPU)
GPU_BUSY = Metric("farm_gpu_busy_ratio", Kind.GAUGE, "Share of the last moment in which a GPU computed.", _GPU)
#: Of workers that see an NVIDIA driver, where nvidia-ml-py is installed.
OF_GPUS = (GPU_MEMORY, GPU_POWER, GPU_TEMPERATURE, GPU_BUSY)

PROCESS_METRICS = (*OF_EVERY_PROCESS, *OF_SCHEDULERS, *OF_WORKERS, *OF_GPUS)
