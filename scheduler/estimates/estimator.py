"""Estimates for one model, from what all pools of its lane have learnt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from farm.catalog import ModelEntry
from farm.params import RenderParameters, Shape
from farm.tables import Pool, Regression
from scheduler.estimates.initial_estimate import Demand, demand_of
from scheduler.estimates.pool_times import PoolTimes, Range

#: A pool's word weighs by its renders, up to so many.
FULL_WEIGHT = 200


@dataclass(frozen=True)
class Estimator:
    """What a render will take. Pure: made once for a submission, asked for every shape of it."""

    pools: Mapping[str, PoolTimes]

    def gpu_seconds(
        self, entry: ModelEntry, shape: Shape, parameters: RenderParameters, batch_size: int | None = None
    ) -> float:
        """GPU-seconds of one render, with its share of the passes that it has in a batch of `batch_size`.

        Without a batch size it is in a batch as large as renders of its pools usually have; one that must run alone
        pays its whole passes.
        """
        demand = demand_of(shape, parameters)
        rows = 1 if parameters.deterministic else batch_size
        told = self._measured(entry)
        return sum(times.seconds(entry, demand, rows) * _weight(times) for times in told) / sum(map(_weight, told))

    def range(
        self, entry: ModelEntry, shape: Shape, parameters: RenderParameters, batch_size: int | None = None
    ) -> Range:
        """The same with the bounds between which four fifths of such renders fall."""
        return self.range_of(entry, demand_of(shape, parameters), 1 if parameters.deterministic else batch_size)

    def range_of(self, entry: ModelEntry, demand: Demand, batch_size: float | None = None) -> Range:
        """The range for what decides it. Several pools: their weighted mean, from the lowest to the highest."""
        told = self._measured(entry)
        ranges = [times.range(entry, demand, batch_size) for times in told]
        weights = [_weight(times) for times in told]
        return Range(
            low=min(found.low for found in ranges),
            likely=sum(found.likely * weight for found, weight in zip(ranges, weights, strict=True)) / sum(weights),
            high=max(found.high for found in ranges),
        )

    def _measured(self, entry: ModelEntry) -> list[PoolTimes]:
        """The pools that have measured something; where none has, the catalog."""
        return [times for times in self.pools.values() if times.samples] or [PoolTimes.seeded(entry)]

    def learnt(self) -> bool:
        """Whether anything was measured, or only the catalog speaks."""
        return any(times.samples for times in self.pools.values())


def seeded(entry: ModelEntry) -> Estimator:
    """By the catalog alone."""
    return Estimator({"": PoolTimes.seeded(entry)})


_LEARNT = (
    select(Pool.name, Regression.state)
    .outerjoin(Regression, Regression.pool == Pool.name)
    .where(Pool.lane == bindparam("of_lane"))
)


def load(connection: Connection, entry: ModelEntry) -> Estimator:
    """By what the pools of its lane have learnt, else by the catalog. One statement."""
    rows = connection.execute(_LEARNT, {"of_lane": entry.lane})
    return estimator_of(entry, dict(rows.all()))


def estimator_of(entry: ModelEntry, states: Mapping[str, dict[str, Any] | None]) -> Estimator:
    """By what each pool of the model's lane has learnt, `regressions.state`; where there is none, by the catalog."""
    pools = {name: PoolTimes.loaded(entry, state) for name, state in states.items()}
    return Estimator(pools) if pools else seeded(entry)


def _weight(times: PoolTimes) -> float:
    return float(min(max(times.samples, 1), FULL_WEIGHT))
