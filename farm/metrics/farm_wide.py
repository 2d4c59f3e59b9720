"""The metrics of the whole farm, which the dashboard reads from SQL at each scrape, and that of its own requests;
docs/monitoring.md lists them.

Work waits in lanes, and several pools may serve one: what waits has the lane as its label, what renders the pool, and
`farm_pool_info` leads from one to the other. Nothing here names a project, a person, a job or a render.
"""

from farm.metrics.process_metrics import Kind, Metric

#: The last seconds that metrics of what happened "recently" look back on.
RECENT_SECONDS = 300.0

_G, _C = Kind.GAUGE, Kind.COUNTER

BUILD_INFO = Metric("farm_build_info", _G, "Always 1; the version of the dashboard.", ("version",))
READ_OK = Metric("farm_database_read_ok", _G, "1 if the database could be read for this scrape, else 0 and no more.")
PART_UP = Metric("farm_part_up", _G, "1 if this server (database, redis, storage) answers within a second.", ("part",))

_LANE = ("lane", "class")
WAITING = Metric("farm_lane_waiting_renders", _G, "Renders that wait for a worker.", _LANE)
WAITING_SECONDS = Metric("farm_lane_waiting_gpu_seconds", _G, "GPU-seconds that these are estimated to take.", _LANE)
OLDEST = Metric(
    "farm_lane_oldest_wait_seconds", _G, "Since the oldest job that has waiting renders was submitted; 0: none.", _LANE
)
RUNNING = Metric("farm_lane_running_renders", _G, "Renders that a worker has leased.", _LANE)
HELD = Metric("farm_lane_held_renders", _G, "Renders that may not run: paused, too early, after another job.", _LANE)
WAIT_MEDIAN = Metric(
    "farm_lane_recent_wait_median_seconds", _G, "From submission to claim, of renders that ended recently.", _LANE
)
WAIT_HIGH = Metric("farm_lane_recent_wait_p95_seconds", _G, "The same; 95 of 100 waited for no longer.", _LANE)
RECENT = Metric(
    "farm_lane_recent_renders",
    _G,
    "Renders to which this happened within the last five minutes, by the name of the event.",
    ("lane", "event"),
)
LANE_PAUSED = Metric("farm_lane_paused", _G, "1 if the lane is paused.", ("lane",))

_POOL = ("pool",)
POOL_INFO = Metric("farm_pool_info", _G, "Always 1; the lane and the model of a pool.", ("pool", "lane", "model"))
WORKERS = Metric(
    "farm_pool_workers", _G, "Workers by what they do; silent ones let their heartbeat run out.", ("pool", "status")
)
WANTED = Metric("farm_pool_wanted_workers", _G, "Workers that the autoscaler wants; none where nobody scales.", _POOL)
POOL_PAUSED = Metric("farm_pool_paused", _G, "1 if the pool is paused.", _POOL)
LEASED = Metric("farm_pool_running_renders", _G, "Renders that the pool's workers have leased.", _POOL)
BATCHES = Metric("farm_pool_running_batches", _G, "Batches that these are rendered in.", _POOL)
MAX_BATCH = Metric("farm_pool_max_batch_renders", _G, "Most renders of a batch, as the catalog says.", _POOL)
RESTARTS = Metric("farm_pool_engine_restarts", _G, "Restarts of engines of the workers that are there.", _POOL)
STORAGE_AWAY = Metric("farm_pool_storage_away_workers", _G, "Workers that cannot store what they rendered.", _POOL)
CLOCK_SKEW = Metric("farm_pool_clock_skew_seconds", _G, "By how much a worker's own clock is off, at the most.", _POOL)
RINGS = Metric("farm_pool_rings", _G, "Rings in the pool's queue in Redis; 0 without Redis.", _POOL)
ENDED = Metric("farm_pool_ended_renders_total", _C, "Renders that ended in the pool.", _POOL)
GPU_SECONDS = Metric("farm_pool_gpu_seconds_total", _C, "GPU-seconds that projects were charged.", _POOL)
COST = Metric("farm_pool_cost_total", _C, "What these cost, in the farm's currency.", ("pool", "currency"))
ENERGY = Metric("farm_pool_energy_joules_total", _C, "What these drew, by the watts of the catalog.", _POOL)

JOBS = Metric("farm_unfinished_jobs", _G, "Jobs that have not ended.", ("status",))
DELIVERIES = Metric("farm_webhook_waiting_deliveries", _G, "Events that are still to be sent to webhooks.")
SUPERVISED = Metric("farm_supervised", _G, "1 if a scheduler holds the supervisor's lease.")

#: From a page that is asked for again to one that people take for broken.
_REQUESTS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUEST_SECONDS = Metric(
    "farm_http_request_seconds",
    Kind.HISTOGRAM,
    "From a request to the beginning of its answer, by the address as it is declared and the kind of the status.",
    ("method", "path", "status"),
    _REQUESTS,
)

FARM_METRICS = (
    BUILD_INFO, READ_OK, PART_UP,
    WAITING, WAITING_SECONDS, OLDEST, RUNNING, HELD, WAIT_MEDIAN, WAIT_HIGH, RECENT, LANE_PAUSED,
    POOL_INFO, WORKERS, WANTED, POOL_PAUSED, LEASED, BATCHES, MAX_BATCH, RESTARTS, STORAGE_AWAY, CLOCK_SKEW, RINGS,
    ENDED, GPU_SECONDS, COST, ENERGY,
    JOBS, DELIVERIES, SUPERVISED, REQUEST_SECONDS,
)  # fmt: skip
