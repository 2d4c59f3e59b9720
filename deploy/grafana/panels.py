"""What is on the dashboard: rows of panels, each with the questions that it asks Prometheus."""

from dataclasses import dataclass

#: Workers of a pool that render or could.
_ALIVE = 'sum by (pool) (farm_pool_workers{status=~"starting|idle|rendering", pool=~"$pool"})'
_SLOTS = "(farm_pool_running_batches * farm_pool_max_batch_renders)"
_RATE = "[$__rate_interval]"


@dataclass(frozen=True)
class Panel:
    """A graph. `questions`: PromQL, each with how its lines are called; `unit`: as Grafana names it."""

    title: str
    unit: str
    questions: tuple[tuple[str, str], ...]
    about: str = ""
    stacked: bool = False


def quantiles(histogram: str, by: str, legend: str, where: str = 'pool=~"$pool"') -> tuple[tuple[str, str], ...]:
    """The median and the 95th of 100 of a histogram, by these labels."""
    buckets = f"sum by (le, {by}) (rate({histogram}_bucket{{{where}}}{_RATE}))"
    return tuple(
        (f"histogram_quantile({share}, {buckets})", f"{legend} {name}") for share, name in ((0.5, "p50"), (0.95, "p95"))
    )


def lanes(metric: str) -> tuple[tuple[str, str], ...]:
    """A gauge of lanes, by lane and class."""
    return ((f'{metric}{{lane=~"$lane"}}', "{{lane}} {{class}}"),)


def hits() -> str:
    """The share of embeddings that did not have to be made."""
    found, asked = (
        f'sum by (pool) (rate(farm_embeddings_total{{{labels}pool=~"$pool"}}{_RATE}))'
        for labels in ('result="hit", ', "")
    )
    return f"{found} / {asked}"


ROWS: dict[str, tuple[Panel, ...]] = {
    "What waits": (
        Panel("Waiting renders", "short", lanes("farm_lane_waiting_renders"), stacked=True),
        Panel("Oldest wait", "s", lanes("farm_lane_oldest_wait_seconds")),
        Panel("GPU-seconds that wait", "s", lanes("farm_lane_waiting_gpu_seconds"), stacked=True),
        Panel(
            "Wait of renders that ended lately",
            "s",
            (
                ('farm_lane_recent_wait_median_seconds{lane=~"$lane"}', "{{lane}} {{class}} p50"),
                ('farm_lane_recent_wait_p95_seconds{lane=~"$lane"}', "{{lane}} {{class}} p95"),
            ),
        ),
        Panel(
            "What happened to renders within five minutes",
            "short",
            (('sum by (event) (farm_lane_recent_renders{lane=~"$lane"})', "{{event}}"),),
            "failed, retried and lost should stay low; lost means that workers vanished.",
        ),
        Panel("Unfinished jobs", "short", (("farm_unfinished_jobs", "{{status}}"),), stacked=True),
    ),
    "Who renders": (
        Panel(
            "Workers by what they do",
            "short",
            (('sum by (status) (farm_pool_workers{pool=~"$pool"})', "{{status}}"),),
            stacked=True,
        ),
        Panel(
            "Workers wanted and there",
            "short",
            ((_ALIVE, "{{pool}}"), ('farm_pool_wanted_workers{pool=~"$pool"}', "{{pool}} wanted")),
        ),
        Panel(
            "How full batches are",
            "percentunit",
            ((f'farm_pool_running_renders{{pool=~"$pool"}} / {_SLOTS}', "{{pool}}"),),
            "Renders of the running batches, of the most that the catalog allows.",
        ),
        Panel(
            "Renders ended",
            "short",
            ((f'rate(farm_pool_ended_renders_total{{pool=~"$pool"}}{_RATE}) * 60', "{{pool}} a minute"),),
        ),
        Panel("GPUs kept busy", "short", ((f'rate(farm_pool_gpu_seconds_total{{pool=~"$pool"}}{_RATE})', "{{pool}}"),)),
        Panel(
            "Cost an hour",
            "short",
            ((f'rate(farm_pool_cost_total{{pool=~"$pool"}}{_RATE}) * 3600', "{{pool}} {{currency}}"),),
        ),
    ),
    "Servers": (
        Panel("Servers that answer", "short", (("farm_part_up", "{{part}}"), ("farm_supervised", "supervised"))),
        Panel("Requests", "s", quantiles("farm_http_request_seconds", "method", "{{method}}", 'method!=""')),
        Panel(
            "Statements of SQL",
            "s",
            quantiles("farm_database_statement_seconds", "statement", "{{statement}}", 'statement!=""'),
        ),
        Panel(
            "Calls to the storage",
            "s",
            quantiles("farm_storage_request_seconds", "operation", "{{operation}}", 'operation!=""'),
        ),
        Panel("Duties of the supervisor", "s", quantiles("farm_duty_pass_seconds", "duty", "{{duty}}", 'duty!=""')),
    ),
    "Inside the workers": (
        Panel("A pass", "s", quantiles("farm_pass_seconds", "pool", "{{pool}}")),
        Panel("Renders that share a pass", "short", quantiles("farm_pass_renders", "pool", "{{pool}}")),
        Panel("Stages of a render", "s", quantiles("farm_stage_seconds", "pool, stage", "{{pool}} {{stage}}")),
        Panel("Embeddings found", "percentunit", ((hits(), "{{pool}}"),)),
        Panel(
            "Attempts by outcome",
            "short",
            ((f'sum by (outcome) (rate(farm_attempts_total{{pool=~"$pool"}}{_RATE})) * 60', "{{outcome}} a minute"),),
        ),
        Panel(
            "Losses",
            "short",
            (
                (
                    f'sum by (pool) (rate(farm_revoked_renders_total{{pool=~"$pool"}}{_RATE})) * 60',
                    "{{pool}} revoked a minute",
                ),
                (
                    f'sum by (pool) (rate(farm_engine_deaths_total{{pool=~"$pool"}}{_RATE})) * 60',
                    "{{pool}} engines a minute",
                ),
            ),
        ),
    ),
    "GPUs": (
        Panel("Memory", "bytes", (('max by (gpu) (farm_gpu_memory_bytes{kind="used"})', "{{gpu}}"),)),
        Panel("Power", "watt", (("max by (gpu) (farm_gpu_power_watts)", "{{gpu}}"),)),
        Panel("Temperature", "celsius", (("max by (gpu) (farm_gpu_temperature_celsius)", "{{gpu}}"),)),
        Panel("Busy", "percentunit", (("max by (gpu) (farm_gpu_busy_ratio)", "{{gpu}}"),)),
    ),
}
