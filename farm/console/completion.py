"""What the shell offers for a word that is not typed to its end: ids, models, pools.

It says nothing and gives up within a second where no farm answers: somebody is typing. What asks is imported only then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.catalog import Catalog
    from farm.client import FarmClient

Offer = tuple[str, str]  # the word, and what it is
SECONDS = 1.0
_MOST = 50


def complete_job(incomplete: str) -> list[Offer]:
    """The newest jobs by their ids, and `last`."""
    return _of_farm(incomplete, _jobs)


def complete_render(incomplete: str) -> list[Offer]:
    """Renders of the newest job by their places; behind 'JOB/' those of that job."""
    job, slash, _ = incomplete.rpartition("/")
    return _of_farm(incomplete, lambda farm: _renders(farm, job if slash else "last"))


def complete_any(incomplete: str) -> list[Offer]:
    """Jobs, and behind a '/' their renders."""
    return complete_render(incomplete) if "/" in incomplete else complete_job(incomplete)


def complete_model(incomplete: str) -> list[Offer]:
    """The farm's models."""
    return _of_farm(incomplete, lambda farm: ((model.name, model.family) for model in farm.models()))


def complete_pool(incomplete: str) -> list[Offer]:
    """The farm's pools."""
    return _of_farm(incomplete, lambda farm: ((pool.name, pool.model) for pool in farm.pools()))


def complete_worker(incomplete: str) -> list[Offer]:
    """The farm's workers."""
    return _of_farm(incomplete, lambda farm: ((worker.id, worker.pool) for worker in farm.workers()))


def complete_webhook(incomplete: str) -> list[Offer]:
    """The project's webhooks."""
    return _of_farm(incomplete, lambda farm: ((webhook.id, webhook.url) for webhook in farm.webhooks()))


def complete_share_link(incomplete: str) -> list[Offer]:
    """The project's share links."""
    return _of_farm(incomplete, lambda farm: ((link.id, f"{link.kind} {link.target}") for link in farm.share_links()))


def complete_board(incomplete: str) -> list[Offer]:
    """The project's boards, by name."""
    return _of_farm(incomplete, lambda farm: ((board.name, f"{board.renders:,} renders") for board in farm.boards()))


def complete_own_model(incomplete: str) -> list[Offer]:
    """The models of this node's catalog."""
    return _of_catalog(incomplete, lambda catalog: ((name, entry.family) for name, entry in catalog.models.items()))


def complete_own_pool(incomplete: str) -> list[Offer]:
    """The pools of this node's catalog."""
    return _of_catalog(incomplete, lambda catalog: ((name, entry.model) for name, entry in catalog.pools.items()))


def _jobs(farm: FarmClient) -> Iterator[Offer]:
    yield "last", "the newest job"
    for job in farm.jobs(limit=_MOST):
        yield job.id, f"{job.model}, {job.status}: {job.title}"


def _renders(farm: FarmClient, job: str) -> Iterator[Offer]:
    for render in islice(farm.renders(farm.find_job_id(job)), _MOST):
        yield f"{job}/{render.index}", f"{render.status}: {render.parameters.get('prompt', '')}"


def _of_farm(incomplete: str, read: Callable[[FarmClient], Iterable[Offer]]) -> list[Offer]:
    try:
        import stamina

        from farm.client import FarmClient

        retried = stamina.is_active()
        stamina.set_active(False)  # one try
        try:
            with FarmClient(timeout=SECONDS, retry_seconds=SECONDS) as farm:
                return _fitting(incomplete, read(farm))
        finally:
            stamina.set_active(retried)  # the switch is one of the whole process
    except Exception:
        return []


def _of_catalog(incomplete: str, read: Callable[[Catalog], Iterable[Offer]]) -> list[Offer]:
    try:
        from farm.catalog import load_catalog
        from farm.settings import load_settings

        return _fitting(incomplete, read(load_catalog(load_settings())))
    except Exception:
        return []


def _fitting(incomplete: str, offers: Iterable[Offer]) -> list[Offer]:
    """Those that begin so. What they are is one line that a terminal can show: it may come from anybody."""
    return [(word, _plain(what)) for word, what in offers if word.startswith(incomplete)]


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:60]
