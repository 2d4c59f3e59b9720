"""What can never run is said at validation: no pool serves the model, or it is too large for every pool's workers.

A pool without a worker is no reason to refuse: workers come and go. That is a notice (scheduler.admission.quote).
Nor is anything rendered that could not be stored: outputs of a farm that signs them, where its certificate is not good.
"""

from collections.abc import Sequence

from sqlalchemy import select

from farm.catalog import Catalog, ModelEntry
from farm.connections import Connections
from farm.database import read
from farm.errors import Fault, InvalidRequest
from farm.params import JobRequest
from farm.provenance.certificate import CannotSign, certificate_of
from farm.provenance.rules import rule_of, under
from farm.scorers import is_deferred
from farm.sentences import sentence
from farm.settings import Settings
from farm.tables import Project
from scheduler.fleet.wake_workers import RingTarget


def check_can_run(catalog: Catalog, entry: ModelEntry) -> None:
    """Raise InvalidRequest where no worker of any pool could ever render this model."""
    pools = catalog.pools_of(entry.name)
    if not pools:
        told = sentence("No pool of this farm serves %(model)s: nothing would ever render it.", model=entry.name)
        raise InvalidRequest([Fault("/model", told)])
    if all(pool.memory_gb is not None and pool.memory_gb < entry.memory_gb for pool in pools):
        sizes = ", ".join(f"{pool.name} has {pool.memory_gb:g} GB" for pool in pools)
        told = sentence(
            "%(model)s needs %(memory)s GB of memory, and no worker has it: %(sizes)s.",
            model=entry.name,
            memory=f"{entry.memory_gb:g}",
            sizes=sizes,
        )
        raise InvalidRequest([Fault("/model", told)])


def check_can_sign(connections: Connections, project_id: str, now: float) -> None:
    """Raise InvalidRequest where this farm signs the project's outputs and could not; `now` in seconds since 1970."""
    settings = connections.settings
    if settings.provenance_rules is not None:
        with read(connections.engine) as connection:
            name = connection.scalar(select(Project.name).where(Project.id == project_id))
        settings = under(rule_of(settings, name), settings)
    try:
        certificate = certificate_of(settings)
        if certificate is not None:
            certificate.check_time(now)
    except CannotSign as error:
        told = sentence("This farm signs its outputs and cannot now: %(reason)s.", reason=str(error))
        raise InvalidRequest([Fault("", told)]) from error


def absence(entry: ModelEntry, targets: Sequence[RingTarget]) -> list[str]:
    """What to say at submission where no worker is there to render it; nothing where one is. `targets`: open pools."""
    if any(target.workers for target in targets):
        return []
    return [
        sentence(
            "No worker for %(model)s was running when this was submitted: it waits until one is started.",
            model=entry.name,
        )
    ]


def missing_weights(request: JobRequest, settings: Settings) -> list[str]:
    """What to say at submission where the job's scorer needs weights and this farm names none; nothing elsewhere."""
    if request.scorer is None or not is_deferred(request.scorer) or request.scorer in settings.scorer_weights:
        return []
    if request.keep_best is None:
        return [
            sentence(
                "%(scorer)s needs weights, and this farm names none (an operator sets FARM_SCORER_WEIGHTS): "
                "no output would get a figure.",
                scorer=request.scorer,
            )
        ]
    return [
        sentence(
            "%(scorer)s needs weights, and this farm names none (an operator sets FARM_SCORER_WEIGHTS): "
            "without figures nothing is chosen, and all outputs are kept.",
            scorer=request.scorer,
        )
    ]
