"""What people decide about work that is on the farm already: every control of the API as a method of the client."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import items_of
from farm.client.replies import Cancelled, Job, LogLine, Pool, Quota, Switched, Worker


class Controls:
    """The controls of a farm. They act at once; all of them may be asked for again."""

    _transport: Transport

    def pause(self, job_id: str) -> Job:
        """Hold what waits of a job; what runs ends."""
        return self._control(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return self._control(job_id, "resume")

    def change_class(self, job_id: str, class_name: str) -> Job:
        """Move what waits of a job to another class: urgent, normal or bulk."""
        return self._control(job_id, "class", {"class": class_name})

    def to_front(self, job_id: str) -> Job:
        """Put a job before all others of the project that wait for the same model in the same class."""
        return self._control(job_id, "order", {"place": "front"})

    def to_back(self, job_id: str) -> Job:
        """Put a job behind all others of the project that wait for the same model in the same class."""
        return self._control(job_id, "order", {"place": "back"})

    def put_before(self, job_id: str, other_id: str) -> Job:
        """Put a job right before another one that waits for the same model in the same class."""
        return self._control(job_id, "order", {"before": other_id})

    def move(self, job_id: str, model: str) -> Job:
        """Let another model of the same family render what waits of a job."""
        return self._control(job_id, "model", {"model": model})

    def cancel_matching(
        self,
        *,
        jobs: Sequence[str] = (),
        model: str | None = None,
        lane: str | None = None,
        class_name: str | None = None,
        status: Sequence[str] = (),
        created_before: datetime | None = None,
        created_after: datetime | None = None,
        text: str | None = None,
        project: str | None = None,
        all_projects: bool = False,
        dry_run: bool = False,
    ) -> Cancelled:
        """Cancel every render that has not ended and for which all that is given holds; with `dry_run` count them.

        Times are of the submission and have a zone; `text` is looked for in the prompts. `project` and
        `all_projects` are for operators.
        """
        asked = {
            "jobs": list(jobs),
            "model": model,
            "lane": lane,
            "class": class_name,
            "status": list(status),
            "created_before": created_before and created_before.isoformat(),
            "created_after": created_after and created_after.isoformat(),
            "text": text,
            "project": project,
            "all_projects": all_projects,
            "dry_run": dry_run,
        }
        body = {name: value for name, value in asked.items() if value is not None}
        return read_reply(Cancelled, self._transport.control(api_path("cancellations"), body))

    def delete(self, job_id: str, *, keep_seconds: float | None = None) -> Job:
        """Have an ended job removed with its files: it leaves the lists now, and can be restored for a day.

        `keep_seconds`: another span than a day; 0 removes it at once.
        """
        path = api_path("jobs", job_id)
        given = "" if keep_seconds is None else f"?keep_seconds={keep_seconds}"
        return read_reply(Job, self._transport.delete(path + given))

    def restore(self, job_id: str) -> Job:
        """Keep a deleted job after all."""
        return self._control(job_id, "restore")

    def pause_project(self, name: str) -> Switched:
        """Let nothing of a project start any more; what runs ends. Artists name their own, operators any."""
        return self._switch("projects", name, "pause")

    def resume_project(self, name: str) -> Switched:
        """Let a paused project go on."""
        return self._switch("projects", name, "resume")

    def pause_lane(self, name: str) -> Switched:
        """Let nothing of a lane ('sana-demo@fp32') start any more. For operators."""
        return self._switch("lanes", name, "pause")

    def resume_lane(self, name: str) -> Switched:
        """Let a paused lane go on. For operators."""
        return self._switch("lanes", name, "resume")

    def pause_pool(self, name: str) -> Switched:
        """Let the workers of a pool start nothing any more. For operators."""
        return self._switch("pools", name, "pause")

    def resume_pool(self, name: str) -> Switched:
        """Let the workers of a pool go on. For operators."""
        return self._switch("pools", name, "resume")

    def scale_pool(self, name: str, minimum: int | None = None, maximum: int | None = None) -> Pool:
        """Limit how many workers the autoscaler gives a pool; None: as its catalog says. For operators."""
        body = {"minimum": minimum, "maximum": maximum}
        return read_reply(Pool, self._transport.patch(api_path("pools", name), body))

    def quota(self, project: str | None = None) -> Quota:
        """What the project may have, and what it has; with `project`, for operators, any by its name."""
        return read_reply(Quota, self._transport.get(api_path("quota"), {"project": project}))

    def release_worker(self, worker_id: str) -> Worker:
        """Let a quarantined worker claim again; for operators."""
        told = self._transport.post(api_path("workers", worker_id, "release"), repeatable=False)
        return read_reply(Worker, items_of(told)[0])

    def drain_worker(self, worker_id: str) -> Worker:
        """Let a worker finish what it holds, and end; for operators."""
        told = self._transport.control(api_path("workers", worker_id, "drain"))
        return read_reply(Worker, items_of(told)[0])

    def worker_log(self, worker_id: str, after: int = 0) -> list[LogLine]:
        """The newest lines of a worker's log behind the one with the number `after`; for operators."""
        told = self._transport.get(api_path("workers", worker_id, "log"), {"after": after})
        return [read_reply(LogLine, item) for item in told["items"]]

    def _control(self, job_id: str, verb: str, body: dict[str, str] | None = None) -> Job:
        return read_reply(Job, self._transport.control(api_path("jobs", job_id, verb), body))

    def _switch(self, kinds: str, name: str, verb: str) -> Switched:
        return read_reply(Switched, self._transport.control(api_path(kinds, name, verb)))
