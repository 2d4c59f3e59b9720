"""An operator's minimum and maximum of a scaled pool, in place of the catalog's, from the next decision on."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, update

from farm.audit.record import Action, record
from farm.catalog import Scaling
from farm.connections import Connections
from farm.database import write
from farm.errors import Conflict, Fault, InvalidRequest, NotFound
from farm.tables import Pool

#: More workers than this nobody means.
MOST = 10_000


@dataclass(frozen=True)
class ScaleLimits:
    """Workers at the least and at the most; None: as the catalog says."""

    minimum: int | None = None
    maximum: int | None = None


def limited(scaling: Scaling, minimum: int | None, maximum: int | None) -> Scaling:
    """The catalog's scaling with an operator's limits.

    One of the two alone takes the other along where they would cross: a minimum of 5 where the catalog allows 4 means
    5 workers, a maximum of 0 means none.
    """
    if minimum is None and maximum is None:
        return scaling
    low = scaling.minimum if minimum is None else minimum
    high = scaling.maximum if maximum is None else maximum
    if low > high:
        low, high = (low, low) if maximum is None else (high, high)
    return scaling.model_copy(update={"minimum": low, "maximum": high})


def change_limits(connections: Connections, pool: str, limits: ScaleLimits, given: Collection[str]) -> None:
    """Write those of an operator's limits that are `given` ('minimum', 'maximum'); the other stays as it is.

    Raises:
        NotFound: there is no such pool.
        Conflict: nobody scales it.
        InvalidRequest: below 0, above MOST, or the minimum above the maximum.
    """
    with write(connections.engine) as connection:
        columns = select(Pool.scale_minimum, Pool.scale_maximum).where(Pool.name == pool)
        known = connection.execute(columns.with_for_update()).one_or_none()
        if known is None:
            raise NotFound(f"There is no pool {pool[:80]!r}; `farm pools` shows those there are.")
        entry = connections.catalog.pools.get(pool)
        if entry is None or entry.scaling is None:
            raise Conflict(
                f"Nobody scales pool {pool[:80]!r}: it has as many workers as somebody starts. "
                "Give it a 'scaling' in the catalog, or start and stop its workers."
            )
        wanted = ScaleLimits(
            limits.minimum if "minimum" in given else known.scale_minimum,
            limits.maximum if "maximum" in given else known.scale_maximum,
        )
        if faults := _faults(wanted):
            raise InvalidRequest(faults)
        values = {"scale_minimum": wanted.minimum, "scale_maximum": wanted.maximum}
        connection.execute(update(Pool).where(Pool.name == pool).values(values))
        low, high = _told(wanted.minimum), _told(wanted.maximum)
        record(connection, Action.POOL_SCALED, pool, connections.clock(), minimum=low, maximum=high)


def _told(limit: int | None) -> int | str:
    return "catalog" if limit is None else limit


def _faults(limits: ScaleLimits) -> list[Fault]:
    faults = [
        Fault(f"/{name}", f"must be a whole number from 0 to {MOST:,}; seen {value}")
        for name, value in (("minimum", limits.minimum), ("maximum", limits.maximum))
        if value is not None and not 0 <= value <= MOST
    ]
    if limits.minimum is not None and limits.maximum is not None and limits.minimum > limits.maximum:
        faults.append(Fault("/minimum", f"must not be above the maximum ({limits.maximum}); seen {limits.minimum}"))
    return faults
