"""The farm's connections in one hand: what every process opens at its start and closes at its end."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from farm.broker import Broker
from farm.catalog import Catalog, load_catalog
from farm.clock import Clock, system_clock
from farm.database import make_engine
from farm.progress import ProgressBoard
from farm.settings import Settings, load_settings
from farm.storage import Storage


@dataclass
class Connections:
    """Settings, catalog, and ways to the database, the broker, progress and the object storage.

    Nothing is contacted until it is used, so opening them never fails for a server that is away.
    """

    settings: Settings
    catalog: Catalog
    engine: Engine
    broker: Broker
    progress: ProgressBoard
    storage: Storage
    clock: Clock = system_clock

    @classmethod
    def open(cls, settings: Settings | None = None, clock: Clock = system_clock) -> Self:
        """By these settings, or by those of the environment.

        Raises SettingsError or CatalogError when those are wrong.
        """
        settings = settings or load_settings()
        return cls(
            settings=settings,
            catalog=load_catalog(settings),
            engine=make_engine(settings),
            broker=Broker(settings),
            progress=ProgressBoard(
                settings.redis_url.get_secret_value() if settings.redis_url else None, settings.redis_ca_file
            ),
            storage=Storage(settings),
            clock=clock,
        )

    def close(self) -> None:
        """Close them all."""
        self.broker.close()
        self.progress.close()
        self.storage.close()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
