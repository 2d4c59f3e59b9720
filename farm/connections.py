"""The farm's connections in one hand: what every process opens at its start and closes at its end."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from farm.broker import Broker
from farm.catalog import Catalog, load_catalog
from farm.clock import Clock, steady_clock, system_clock
from farm.cpu_work import CpuWork, right_here
from farm.database import make_engine
from farm.farm_clock import FarmClock
from farm.metrics.recorder import NOBODY_READS, Recorder
from farm.progress import ProgressBoard
from farm.provenance.rules import read_rules
from farm.settings import Settings, load_settings
from farm.storage import Storage
from farm.traces.open_tracer import open_tracer
from farm.traces.tracer import NOBODY_COLLECTS, Tracer


@dataclass
class Connections:
    """Settings, catalog, ways to the database, the broker, progress and the object storage, and the time.

    Nothing is contacted until it is used, so opening them never fails for a server that is away. `clock` is the
    farm's: by it goes every time that another machine may read. `steady` is this process's own: by it goes how long
    something took, or has not happened. `cpu_work` is where work goes that only computes,
    `metrics` who takes the figures of this process, `traces` who takes its spans.
    """

    settings: Settings
    catalog: Catalog
    engine: Engine
    broker: Broker
    progress: ProgressBoard
    storage: Storage
    clock: Clock = system_clock
    steady: Clock = steady_clock
    cpu_work: CpuWork = right_here
    metrics: Recorder = NOBODY_READS
    traces: Tracer = NOBODY_COLLECTS

    @classmethod
    def open(cls, settings: Settings | None = None, clock: Clock | None = None) -> Self:
        """By these settings, or by those of the environment; `clock`: another one than the database's.

        Raises SettingsError or CatalogError when those are wrong.
        """
        settings = settings or load_settings()
        read_rules(settings)
        engine = make_engine(settings)
        clock = clock or FarmClock(engine)
        return cls(
            settings=settings,
            catalog=load_catalog(settings),
            engine=engine,
            broker=Broker(settings),
            progress=ProgressBoard(
                settings.redis_url.get_secret_value() if settings.redis_url else None, settings.redis_ca_file
            ),
            storage=Storage(settings, clock=clock),
            clock=clock,
            traces=open_tracer(settings),
        )

    def measured_time(self, older_than: float = 0.0) -> float:
        """The time, after the clock was held against the database's if that was not done within `older_than` seconds.

        Whoever lives long calls it every few seconds. Raises SQLAlchemyError when the database does not answer.
        """
        return self.clock.measure(older_than) if isinstance(self.clock, FarmClock) else self.clock()

    @property
    def clock_skew(self) -> float | None:
        """By how many seconds this machine's own clock is ahead of the farm's; None: nobody knows yet."""
        return self.clock.skew if isinstance(self.clock, FarmClock) else None

    def close(self) -> None:
        """Close them all."""
        self.broker.close()
        self.progress.close()
        self.storage.close()
        self.engine.dispose()
        self.traces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
