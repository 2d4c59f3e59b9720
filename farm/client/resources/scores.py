"""Scores of finished renders: asked for, and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import items_of, pages, whole_list
from farm.client.replies import AskedScores, Score, ScoreCounts, Scorer, SetDistance


class Scores:
    """The scores of the project. `chosen` are filters of :meth:`FarmClient.gallery`: `job=ID`, `tag="keep"` …"""

    _transport: Transport

    def scorers(self) -> list[Scorer]:
        """The scorers that the farm has."""
        return whole_list(self._transport, Scorer, api_path("scorers"))

    def ask_scores(self, /, scorers: str | Sequence[str], *, again: bool = False, **chosen: Any) -> AskedScores:
        """Have finished renders scored: those of a job, or of the gallery. What has a figure stays, unless `again`."""
        body = {"scorers": [scorers] if isinstance(scorers, str) else list(scorers), "again": again}
        query = urlencode(_query(chosen), doseq=True)
        path = api_path("scores") + (f"?{query}" if query else "")
        return read_reply(AskedScores, self._transport.post(path, body, repeatable=True))

    def scores(
        self,
        /,
        scorer: str,
        *,
        status: str = "done",
        worst_first: bool = False,
        limit: int | None = None,
        **chosen: Any,
    ) -> Iterator[Score]:
        """The scores by one scorer, the best first. `status`: done, failed (with the reason) or pending."""
        query = {**_query(chosen), "scorer": scorer, "status": status, "order": "worst" if worst_first else "best"}
        return pages(self._transport, Score, api_path("scores"), query, limit)

    def count_scores(self, /, scorer: str, **chosen: Any) -> ScoreCounts:
        """How many scores by one scorer are there, are to come, or could not be."""
        query = {**_query(chosen), "scorer": scorer, "limit": 1}
        return read_reply(ScoreCounts, self._transport.get(api_path("scores"), query))

    def keep_set_distance(self, /, job_id: str, **found: Any) -> list[SetDistance]:
        """Keep FID and KID that were computed of a job's pictures; all that is kept of the job.

        `found`: reference, fid, kid, kid_std, pictures, reference_pictures, features, features_sha256.
        """
        path = api_path("jobs", job_id, "set-distances")
        told = self._transport.post(path, found, repeatable=True)
        return [read_reply(SetDistance, item) for item in items_of(told)]

    def keep_gallery_set_distance(self, found: Mapping[str, Any], /, **chosen: Any) -> list[SetDistance]:
        """The same of what a filter of :meth:`FarmClient.gallery` finds now; all that is kept of that filter."""
        query = urlencode(_query(chosen), doseq=True)
        path = api_path("set-distances") + (f"?{query}" if query else "")
        told = self._transport.post(path, dict(found), repeatable=True)
        return [read_reply(SetDistance, item) for item in items_of(told)]

    def set_distances(self, job_id: str) -> list[SetDistance]:
        """FID and KID that are kept of a job, the newest first."""
        return whole_list(self._transport, SetDistance, api_path("jobs", job_id, "set-distances"))

    def gallery_set_distances(self, /, **chosen: Any) -> list[SetDistance]:
        """FID and KID that are kept of what this filter of the gallery found, the newest first."""
        return whole_list(self._transport, SetDistance, api_path("set-distances"), _query(chosen))


def _query(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Filters as they stand in an address."""
    given = {name: value for name, value in chosen.items() if value is not None and value is not False}
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in given.items()}
