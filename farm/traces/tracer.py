"""Who takes spans. While nobody collects them, somebody who forgets them: nothing is imported."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """Something that was done for a job; `begin` and `end` in seconds since 1970, by the farm's clock.

    `key` names it within its job, and `parent` the span that it belongs to. Ids follow from both, so that processes
    which never speak to each other write one trace.
    """

    name: str
    job_id: str
    key: str
    begin: float
    end: float
    parent: str | None = None
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    failed: bool = False


#: The key of a job's first span.
SUBMIT = "submit"


class Tracer:
    """Forgets what it is told. `farm.traces.otlp.OtlpTracer` does not. Threads may share it."""

    def add(self, span: Span) -> None:
        """Something has been done."""

    def close(self) -> None:
        """Send what waits."""


NOBODY_COLLECTS = Tracer()
