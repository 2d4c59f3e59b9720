"""A verification as people and programs see it: how far it is, and how the two renders compare once it is done.

Stored files never change, so what came of two of them is kept in memory by this process and looked at once.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import cast

from flask import Flask, current_app

from dashboard.schemas import Verification
from dashboard.times import iso, iso_or_none
from dashboard.verification.newest import SecondRender
from farm.connections import Connections
from farm.lifecycle import RenderStatus
from farm.sentences import sentence
from farm.verification.compare_stored import Compared, StoredRender, compare_stored
from farm.verification.verdict import TOLERANCE

_COMPARE = "latent_farm_compare_stored"
#: What came of so many verifications is kept.
_KEPT = 512


def register(app: Flask, connections: Connections) -> None:
    """Give the application a memory of what it compared."""
    app.extensions[_COMPARE] = lru_cache(_KEPT)(partial(_compare, connections))


def verification(render_id: str, second: SecondRender, compared: Compared) -> Verification:
    """What there is to say of it now, as programs read it."""
    return Verification(
        render_id=render_id,
        job_id=second.job_id,
        second_render_id=second.id,
        status=second.status,
        verdict=compared.verdict.name.lower() if compared.verdict else None,
        psnr=compared.psnr,
        largest=compared.similarity.largest if compared.similarity else None,
        tolerance=TOLERANCE,
        differences=list(compared.differences),
        # Before it has ended, its own reason is why it went back to wait.
        reason=compared.reason or (second.reason if second.finished_at is not None else None),
        asked_at=iso(second.asked_at),
        finished_at=iso_or_none(second.finished_at),
    )


def compare_with_first(second: SecondRender) -> Compared:
    """How it compares with the first; no verdict until it is done. Raises StorageDown, and Busy at too much work."""
    if second.status is not RenderStatus.DONE:
        return Compared(None)
    if second.files is None:
        return Compared(None, reason=sentence("One of the two renders keeps no output and manifest any more."))
    compare = cast(Callable[[StoredRender, StoredRender], Compared], current_app.extensions[_COMPARE])
    return compare(*second.files)


def _compare(connections: Connections, first: StoredRender, second: StoredRender) -> Compared:
    return compare_stored(connections.storage, first, second, cpu_work=connections.cpu_work)
