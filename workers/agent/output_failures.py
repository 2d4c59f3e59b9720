"""How an attempt ends whose output could not be made or stored: who is to blame, and what people are told."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import DBAPIError

from farm.errors import StorageDown
from farm.file_errors import is_disk_full
from farm.lifecycle import Outcome
from farm.plugins import NOT_ALLOWED, PluginMissing
from farm.provenance.certificate import CannotSign
from scheduler.leases.settle import Settlement
from workers.agent.spool_folder import DISK_FULL
from workers.outputs.encode import Unusable
from workers.outputs.plugins import NotAllowed, PluginFailed
from workers.protocol import Drafted, Rendered

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Ending:
    """How an attempt ends whose output could not be made or stored. `reason`: for people, with the error in it."""

    outcome: Outcome
    reason: str
    hopeless: bool = False  # it would fail again


#: By what was raised.
_ENDINGS: Sequence[tuple[tuple[type[Exception], ...], _Ending]] = (
    ((Unusable,), _Ending(Outcome.FAILED, "There is no output: {}.")),
    ((NotAllowed,), _Ending(Outcome.FAILED, f"{NOT_ALLOWED}: {{}}.", hopeless=True)),
    ((CannotSign,), _Ending(Outcome.FAILED, "The output was not stored, as it cannot be signed: {}.", hopeless=True)),
    ((PluginMissing, PluginFailed), _Ending(Outcome.FAILED, "The output could not be finished: {}.")),
    ((StorageDown,), _Ending(Outcome.RETURNED, "The output could not be stored: {}")),
    ((DBAPIError,), _Ending(Outcome.RETURNED, "The database was away while the output was finished.")),
)
_UNFORESEEN = _Ending(Outcome.FAILED, "The output could not be encoded: {}")


def not_stored(made: Rendered | Drafted, error: Exception) -> Settlement:
    """What an attempt comes to whose output could not be made or stored."""
    ending = next((ending for kinds, ending in _ENDINGS if isinstance(error, kinds)), _UNFORESEEN)
    if is_disk_full(error):
        ending = _Ending(Outcome.RETURNED, DISK_FULL)
    if ending is _UNFORESEEN:
        log.error("finishing failed", render=made.render_id, exc_info=error)
    return Settlement(
        render_id=made.render_id,
        attempt=made.attempt,
        outcome=ending.outcome,
        reason=ending.reason.format(error),
        gpu_seconds=made.gpu_seconds,
        hopeless=ending.hopeless,
    )
