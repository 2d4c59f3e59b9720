"""What GPU-seconds cost: money and energy, at the figures of the pool that they were spent in."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, overload

from sqlalchemy import ColumnElement, Connection, SQLColumnExpression, bindparam, select

from farm.tables import Pool

_HOUR = 3600  # seconds


@overload
def cost(gpu_seconds: float, per_hour: float) -> float: ...
@overload
def cost(gpu_seconds: SQLColumnExpression[Any], per_hour: SQLColumnExpression[Any]) -> ColumnElement[float]: ...
def cost(gpu_seconds: Any, per_hour: Any) -> Any:
    """What GPU-seconds come to at a figure for an hour: money at a price, Wh at watts. Numbers or columns."""
    return gpu_seconds / _HOUR * per_hour


@dataclass(frozen=True)
class Rates:
    """What one worker of a pool costs an hour, in the farm's currency, and what it draws in watts."""

    price_per_hour: float = 0.0
    watts: float = 0.0

    def money(self, gpu_seconds: float) -> float:
        """In the farm's currency."""
        return cost(gpu_seconds, self.price_per_hour)

    def watt_hours(self, gpu_seconds: float) -> float:
        """Energy, in Wh."""
        return cost(gpu_seconds, self.watts)


_RATES = select(Pool.name, Pool.price_per_hour, Pool.watts).where(Pool.name.in_(bindparam("pools", expanding=True)))


def rates(connection: Connection, pools: Collection[str]) -> dict[str, Rates]:
    """The rates of these pools, by primary key; a pool that is not known costs nothing."""
    rows = connection.execute(_RATES, {"pools": list(pools)})
    return {pool: Rates() for pool in pools} | {name: Rates(price, watts) for name, price, watts in rows}
