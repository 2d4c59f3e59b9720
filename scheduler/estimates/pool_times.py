"""What one pool has learnt about the time its renders take. Pure; kept as JSON in `regressions.state`.

    GPU-seconds of a render = forwards × pass(rows) / rows + rest
    pass(rows)              = a + b·x + c·x·megapixels       x = rows × share × megapixels
    rest                    = d + e·megapixels               text encoding and decode

a: launching a pass; b: what grows with the pixels of all its rows; c: attention that looks at all pairs of pixels. The
pass is shared by its rows: a render that runs alone pays the whole of it, in a batch of eight an eighth.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from statistics import median
from typing import Any

from farm.catalog import ModelEntry
from scheduler.estimates import conformal_scores
from scheduler.estimates.initial_estimate import Demand, default_demand, demand_seen, seed_seconds
from scheduler.estimates.observations import Observed
from scheduler.estimates.regression import Regression

VERSION = 1
#: Of the default render's seed: what is encoding and decode, as first guess.
REST = 0.1
#: Widths of the prior, in shares of the default pass: launching, pixels, pairs.
WIDTHS = (0.5, 0.6, 0.2)
#: So many renders count in full, outliers too: until then the coefficients are guesses.
TRUSTING = 8
#: Settles that are looked at together: when most of them lie off on one side, the machine has changed.
RECENT = 12
CHANGED = 0.3  # of the logarithm: by about a third; and by more than they differ among themselves
#: The share by which the usual batch moves to each new one.
BATCH_STEP = 0.05
#: A worker's speed is taken over so many seconds in which work waited all the time.
WATCHED_SECONDS = 20.0
#: Samples count up to here: then one is as good as another.
MOST_SAMPLES = 1_000_000
#: What states that were stored before version 0.4 call some of the fields.
_RENAMED = {"alone_scores": "known_scores", "stays": "overheads", "spell": "waited"}


@dataclass(frozen=True)
class Range:
    """Seconds: of all renders alike, `conformal_scores.COVERAGE` should take between `low` and `high`."""

    low: float
    likely: float
    high: float

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, factor: float) -> "Range":
        """Each of the three, multiplied."""
        return Range(self.low * factor, self.likely * factor, self.high * factor)


@dataclass(frozen=True)
class PoolTimes:
    """The state of a pool's regression. `samples`: renders it has learnt from; with none the seed speaks."""

    passes: Regression
    rest: Regression
    seed: float  # seconds_per_step_megapixel that the prior was made from
    samples: int = 0
    log_batch: float = 0.0  # logarithm of the rows that its passes usually have
    recent: tuple[float, ...] = ()  # log(measured / likely) of the last settles
    known_scores: tuple[float, ...] = ()  # of estimates that knew the batch
    batch_scores: tuple[float, ...] = ()  # of estimates that did not
    overheads: tuple[float, ...] = ()  # seconds from claim to settle / seconds that the device worked for its batch
    busy: tuple[float, ...] = ()  # GPU-seconds that a worker rendered in one second while work waited
    waited: tuple[float, float] | None = None  # since when work waits, and the GPU-seconds rendered since

    @classmethod
    def seeded(cls, entry: ModelEntry) -> "PoolTimes":
        """What the catalog says."""
        default = default_demand(entry)
        seed = entry.seconds_per_step_megapixel
        one, whole = seed * default.megapixels, seed_seconds(entry, default)
        widths = (WIDTHS[0] * one, WIDTHS[1] * seed, WIDTHS[2] * seed / default.megapixels)
        half = REST * whole / 2
        return cls(
            passes=Regression.prior((0.0, seed * (1 - REST), 0.0), widths),
            rest=Regression.prior((half, half / default.megapixels), (2 * half, 2 * half / default.megapixels)),
            seed=seed,
        )

    @classmethod
    def loaded(cls, entry: ModelEntry, state: dict[str, Any] | None) -> "PoolTimes":
        """From what `state` gave; seeded where there is none, or one of an older form or another seed."""
        if not state or state.get("version") != VERSION or state.get("seed") != entry.seconds_per_step_megapixel:
            return cls.seeded(entry)
        state = {_RENAMED.get(name, name): value for name, value in state.items()}
        known = {name: _tuples(value) for name, value in state.items() if name not in ("version", "passes", "rest")}
        passes, rest = (Regression(**{k: _tuples(v) for k, v in state[name].items()}) for name in ("passes", "rest"))
        return cls(passes=passes, rest=rest, **known)

    def state(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return {"version": VERSION} | asdict(self)

    @property
    def usual_batch(self) -> float:
        """Rows that a pass of this pool usually has."""
        return math.exp(self.log_batch)

    def pass_seconds(self, demand: Demand, rows: float) -> float:
        """Wall seconds of one pass for so many rows of this kind."""
        return self.passes.predict(_pass_features(demand, rows))

    def seconds(self, entry: ModelEntry, demand: Demand, batch_size: float | None = None) -> float:
        """GPU-seconds of one render; in a batch of the usual size where none is given. Always positive."""
        seed = seed_seconds(entry, demand)
        if self.samples == 0:
            return seed
        rows = batch_size or self.usual_batch
        likely = demand.forwards * self.pass_seconds(demand, rows) / rows + self.rest.predict((1.0, demand.megapixels))
        return max(likely, 1e-3 * seed)

    def range(self, entry: ModelEntry, demand: Demand, batch_size: float | None = None) -> Range:
        """The estimate, and between what bounds `conformal_scores.COVERAGE` of such renders fall."""
        likely = self.seconds(entry, demand, batch_size)
        low, high = conformal_scores.bounds(self.known_scores if batch_size else self.batch_scores)
        unsure = self._unsure(demand, batch_size or self.usual_batch, likely)
        return Range(likely * math.exp(low * unsure), likely, likely * math.exp(high * unsure))

    def learn(
        self, entry: ModelEntry, settled: Sequence[Observed], promised: Sequence[float | None] = ()
    ) -> "PoolTimes":
        """After the renders of one settle: they were neighbours, and are off together.

        `promised`: what each was estimated at when it was admitted, as far as known. Ranges are scored by it: they are
        told long before the render runs, and what the machine does meanwhile belongs to them.
        """
        times, offs = self, []
        for observed, estimate in zip_longest(settled, promised[: len(settled)]):
            demand = demand_seen(entry, observed)
            if not (demand.megapixels > 0 and demand.forwards > 0 and 0 < observed.gpu_seconds < math.inf):
                continue
            if times.samples == 0:
                times = times._levelled(entry, demand, observed)
            known = times.seconds(entry, demand, max(observed.batch_size, 1))
            offs.append(math.log(observed.gpu_seconds / known))
            times = times._one(entry, demand, observed, known, estimate)
        return times._judged(median(offs)) if offs else times

    def watched(self, now: float, gpu_seconds: float, *, workers: int, waiting: bool) -> "PoolTimes":
        """After a look at the pool: so much was rendered since the last one, by so many workers.

        While work waits, what a worker renders in a second says how much is lost between claims, uploads and
        settles: the forecasts need it.
        """
        if not waiting or workers == 0:
            return replace(self, waited=None) if self.waited else self
        since, rendered = self.waited or (now, -gpu_seconds)  # what ends now was rendered before
        rendered += gpu_seconds
        if now - since < WATCHED_SECONDS:
            return replace(self, waited=(since, rendered))
        sample = rendered / (now - since) / workers
        return replace(
            self, busy=conformal_scores.added(self.busy, sample) if sample > 0 else self.busy, waited=(now, 0.0)
        )

    def _one(
        self, entry: ModelEntry, demand: Demand, observed: Observed, known: float, estimate: float | None
    ) -> "PoolTimes":
        from scheduler.estimates.regression_learning import learn  # numpy: all estimate, one learns

        rows = max(observed.batch_size, 1)
        guessed = self.seconds(entry, demand)
        # How far the estimate has moved since the render was admitted; one by the catalog's seed says nothing.
        by_seed = estimate is not None and math.isclose(estimate, seed_seconds(entry, demand))
        moved = 0.0 if not estimate or by_seed else math.log(guessed / estimate)
        log_rows = math.log(rows)
        trusting = self.samples < TRUSTING
        over = observed.wall_seconds / (observed.gpu_seconds * rows)
        return replace(
            self,
            known_scores=conformal_scores.added(
                self.known_scores,
                (math.log(observed.gpu_seconds / known) + moved) / self._unsure(demand, rows, known),
            ),
            batch_scores=conformal_scores.added(
                self.batch_scores,
                (math.log(observed.gpu_seconds / guessed) + moved) / self._unsure(demand, self.usual_batch, guessed),
            ),
            overheads=conformal_scores.added(self.overheads, over)
            if math.isfinite(over) and over > 0
            else self.overheads,
            passes=learn(self.passes, _pass_features(demand, rows), observed.pass_seconds, trusting=trusting)
            if 0 < observed.pass_seconds < math.inf
            else self.passes,
            rest=learn(
                self.rest,
                (1.0, demand.megapixels),
                max(observed.encode_seconds + observed.decode_seconds, 0.0),
                trusting=trusting,
            ),
            log_batch=log_rows if self.samples == 0 else self.log_batch + BATCH_STEP * (log_rows - self.log_batch),
            samples=min(self.samples + 1, MOST_SAMPLES),
        )

    def _levelled(self, entry: ModelEntry, demand: Demand, observed: Observed) -> "PoolTimes":
        """The very first measurement sets the level: a seed may be of another device, and off by a factor of fifty."""
        factor = observed.gpu_seconds / seed_seconds(entry, demand)
        return replace(self, passes=self.passes.rescaled(factor), rest=self.rest.rescaled(factor))

    def _judged(self, off: float) -> "PoolTimes":
        """Remember how far off a settle was; where most of the last ones agree, take the new level at once."""
        recent = (*self.recent, off)[-RECENT:]
        middle = median(recent)
        scatter = median(abs(value - middle) for value in recent)
        if len(recent) < RECENT or abs(middle) < max(CHANGED, 2 * scatter):
            return replace(self, recent=recent)
        factor = math.exp(middle)
        return replace(self, recent=(), passes=self.passes.rescaled(factor), rest=self.rest.rescaled(factor))

    def _unsure(self, demand: Demand, rows: float, likely: float) -> float:
        """Relative standard deviation of an estimate: doubt about the coefficients, and noise."""
        share = demand.forwards / rows
        features = _pass_features(demand, rows)
        passes = share * math.hypot(self.passes.doubt(features), self.passes.noise * self.passes.predict(features))
        other = (1.0, demand.megapixels)
        rest = math.hypot(self.rest.doubt(other), self.rest.noise * self.rest.predict(other))
        return min(max(math.hypot(passes, rest) / likely, 1e-3), 3.0)


def _pass_features(demand: Demand, rows: float) -> tuple[float, float, float]:
    pixels = rows * demand.share * demand.megapixels
    return 1.0, pixels, pixels * demand.megapixels


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
