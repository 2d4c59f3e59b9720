"""Admission of a training: the same as of any job, which has one render."""

from functools import partial

from farm.connections import Connections
from farm.params.training.check_training import check_training
from scheduler.admission.submit import Sent, Submitted, checked, draw_seed, submit
from scheduler.uploads import finder


def submit_training(
    connections: Connections,
    *,
    project_id: str,
    user_id: str | None,
    document: object,
    idempotency_key: str | None,
    body_sha256: str,
) -> Submitted:
    """Accept a training from parsed JSON: when this returns its job is committed.

    Raises what `scheduler.admission.submit.submit` raises; InvalidRequest has every fault of the training.
    """
    sent = Sent(project_id=project_id, idempotency_key=idempotency_key, body_sha256=body_sha256)
    check = partial(
        check_training,
        document,
        connections.catalog,
        draw_seed=draw_seed,
        classes=connections.settings.class_shares,
        find_input=finder(connections, project_id),
    )
    found = checked(connections, sent, check)
    if isinstance(found, Submitted):
        return found
    request, resolved = found
    return submit(connections, **sent, user_id=user_id, request=request, resolved=resolved)
