"""The one way a worker ends a render: settle in SQL, tell who watches, let go."""

from collections import deque
from collections.abc import Sequence

import stamina
import structlog
from sqlalchemy.exc import DBAPIError

from farm.connections import Connections
from farm.errors import StorageDown
from farm.lifecycle import Outcome
from farm.metrics.process_metrics import ATTEMPTS, VOID_SETTLEMENTS
from scheduler.leases.settle import Settlement, settle
from workers.agent.leased_renders import LeasedRender, LeasedRenders
from workers.agent.telemetry.log_tail import LogTail
from workers.agent.telemetry.render_spans import attempt_span

log = structlog.get_logger(__name__)

RECENT = 20  # attempts by which a worker is judged
_SETTLE_RETRY_SECONDS = 120.0  # seconds; a database that is away longer than that has let the lease run out anyway


class Settler:
    """Settles for one worker; safe to use from every thread."""

    def __init__(
        self,
        connections: Connections,
        held_renders: LeasedRenders,
        *,
        worker_id: str,
        pool: str,
        log_tail: LogTail | None = None,
    ) -> None:
        """`log_tail`: what the engine wrote last, kept with the attempts that failed."""
        self._recent: deque[Outcome] = deque(maxlen=RECENT)
        self._log_tail = log_tail
        self._connections = connections
        self._worker_id = worker_id
        self.pool = pool
        self._held_renders = held_renders

    def settle(self, settlements: Sequence[Settlement]) -> set[str]:
        """Settle, announce, let go of all; the ids that counted. The others were revoked: their word is void."""
        if not settlements:
            return set()
        connections = self._connections
        try:
            for attempt in stamina.retry_context(
                on=DBAPIError, timeout=_SETTLE_RETRY_SECONDS, attempts=None, wait_max=5.0
            ):
                with attempt:
                    settled = settle(
                        connections.engine,
                        settlements,
                        now=connections.clock(),
                        max_failures=connections.settings.max_failures,
                        worker_id=self._worker_id,
                        pool=self.pool,
                    )
        except DBAPIError as error:
            # The renders stay 'running' in SQL; when their lease runs out the supervisor hands them to another worker.
            log.error("settle given up", renders=len(settlements), error=str(error.orig))
            self._held_renders.let_go(settlement.render_id for settlement in settlements)
            return set()
        for change in settled.jobs:
            connections.progress.announce(change)
        self._forget_progress(settlements)
        self._remove(settled.replaced)
        self._held_renders.let_go(settlement.render_id for settlement in settlements)
        if void := len(settlements) - len(settled.accepted):
            log.info("settlements void: revoked meanwhile", renders=void)
            connections.metrics.count(VOID_SETTLEMENTS, void)
        accepted = set(settled.accepted)
        for item in settlements:
            if item.render_id in accepted:
                self._recent.append(item.outcome)
                connections.metrics.count(ATTEMPTS, outcome=item.outcome.value)
        return accepted

    def recent(self, outcome: Outcome) -> int:
        """How many of the last attempts (at most RECENT) ended so."""
        return self._recent.count(outcome)

    def end(
        self, held_renders: Sequence[LeasedRender], outcome: Outcome, reason: str, *, hopeless: bool = False
    ) -> None:
        """End renders without an output: failed (blamed) or returned (nobody is).

        Whose steps are kept in a checkpoint is charged for them: the next attempt is not, and does not take them again.
        """
        for held in held_renders:
            ended = attempt_span(held, outcome, pool=self.pool, now=self._connections.clock())
            self._connections.traces.add(ended)
        log_lines = self._log_tail.lines() if self._log_tail and outcome is Outcome.FAILED else None
        self.settle(
            [
                Settlement(
                    render_id=leased.render.id,
                    attempt=leased.render.attempt,
                    outcome=outcome,
                    reason=reason,
                    log_lines=log_lines,
                    hopeless=hopeless,
                    gpu_seconds=(leased.saved_gpu_seconds or None) if outcome is Outcome.RETURNED else None,
                )
                for leased in held_renders
            ]
        )

    def _remove(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        try:
            self._connections.storage.delete(keys)
        except StorageDown as error:  # the supervisor's sweep finds what no row names
            log.warning("replaced files stay for now", files=len(keys), reason=str(error))

    def _forget_progress(self, settlements: Sequence[Settlement]) -> None:
        by_job: dict[str, list[str]] = {}
        for settlement in settlements:
            if leased := self._held_renders.get(settlement.render_id):
                by_job.setdefault(leased.render.job_id, []).append(settlement.render_id)
        for job_id, render_ids in by_job.items():
            self._connections.progress.clear(job_id, render_ids)
