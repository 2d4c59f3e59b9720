"""One job of the Horde at the farm: submitted, waited for, fetched. Whatever goes wrong becomes a report."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client import FarmClient, Job, Model, Render, WaitTimeout
from farm.clock import Clock
from farm.errors import FarmError
from farm.horde.offers import still
from farm.horde.outcomes import TOO_LATE, as_webp, censored_picture, faulted, reports, told_outside
from farm.horde.protocol import Popped, Report, State
from farm.horde.translation import Asked, CannotRender, translate

if TYPE_CHECKING:
    from farm.params.request.job_fields import JobFields

#: Of the seconds that the Horde gives, these are for handing the pictures over, or half of them if they are few.
HAND_OVER_SECONDS = 10.0
#: What is given where the Horde names none (its own shortest is 150).
_USUAL_SECONDS = 150.0


@dataclass(frozen=True)
class Terms:
    """How the farm renders for the Horde."""

    class_name: str
    #: The farm has a safety checker: pictures to which it objects are censored.
    pictures_checked: bool
    #: Jobs that were handed over stay in the farm's lists.
    keep_jobs: bool


class Rendering:
    """Jobs of the Horde at one farm, from several threads."""

    def __init__(
        self,
        farm: FarmClient,
        offers: Mapping[str, str],
        models: Mapping[str, Model],
        terms: Terms,
        say: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._farm = farm
        self._offers = offers
        self._models = models
        self._terms = terms
        self._say = say
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, str] = {}  # the first picture's id → the farm's job, while it is going on

    def outcome(self, popped: Popped) -> list[tuple[Report, bytes | None]]:
        """How each picture ended, with the picture where there is one."""
        until = self._clock() + render_seconds(popped.ttl)
        try:
            asked = translate(popped, self._offers, pictures_checked=self._terms.pictures_checked)
            job = self._submit(popped, asked)
            with self._lock:
                self._jobs[popped.picture_ids[0]] = job.id
            self._wait(job, until)
            results = self._results(popped, asked, [*self._farm.renders(job.id)])
            self._forget(job, results)
        except CannotRender as error:
            return [(report, None) for report in faulted(popped.picture_ids, error.reasons)]
        except WaitTimeout:
            self.cancel(popped)
            return [(report, None) for report in faulted(popped.picture_ids, [TOO_LATE])]
        except FarmError as error:
            self._say(f"{popped.picture_ids[0]}: {error}")
            self.cancel(popped)
            return [(report, None) for report in faulted(popped.picture_ids, told_outside(error))]
        finally:
            with self._lock:
                self._jobs.pop(popped.picture_ids[0], None)
        return results

    def cancel(self, popped: Popped) -> None:
        """Cancel the farm's job, if there is one."""
        with self._lock:
            job_id = self._jobs.get(popped.picture_ids[0])
        if job_id is not None:
            with suppress(FarmError):  # it expires by itself
                self._farm.cancel(job_id)

    def _submit(self, popped: Popped, asked: Asked) -> Job:
        picture_id = popped.picture_ids[0]
        fields: JobFields = {
            **asked.fields,
            **still(self._models[asked.model]),
            "class_name": self._terms.class_name,
            "title": f"AI Horde {picture_id}",
            "deadline": render_seconds(popped.ttl),
        }
        return self._farm.submit(asked.model, asked.prompt, idempotency_key=f"horde-{picture_id}", **fields)

    def _wait(self, job: Job, until: float) -> None:
        """Until the job has ended. Raises WaitTimeout, FarmUnreachable."""
        self._farm.wait(job.id, timeout=max(0.1, until - self._clock()))

    def _results(self, popped: Popped, asked: Asked, renders: list[Render]) -> list[tuple[Report, bytes | None]]:
        by_index = {render.index: render for render in renders}
        results: list[tuple[Report, bytes | None]] = []
        for place, report in enumerate(reports(popped.picture_ids, asked.seeds, renders, asked.remarks)):
            if report.state is State.OK:
                results.append((report, as_webp(self._farm.picture_of(by_index[place].id))))
            elif report.state is State.CENSORED:
                results.append((report, censored_picture(asked.width, asked.height)))
            else:
                reason = by_index[place].reason if place in by_index else None
                self._say(f"{report.picture_id}: {reason or 'not rendered'}")
                results.append((report, None))
        return results

    def _forget(self, job: Job, results: list[tuple[Report, bytes | None]]) -> None:
        """Remove a job that came out: what strangers asked for is not kept longer than it is needed."""
        if not self._terms.keep_jobs and not any(report.state is State.FAULTED for report, _ in results):
            with suppress(FarmError):
                self._farm.delete(job.id)


def render_seconds(ttl: float | None) -> float:
    """For how many seconds a job may wait and render, of those that the Horde gives it."""
    given = _USUAL_SECONDS if ttl is None or ttl <= 0 else ttl
    return max(given - HAND_OVER_SECONDS, given / 2)
