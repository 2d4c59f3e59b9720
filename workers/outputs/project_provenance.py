"""What outputs of each project say of where they come from, and what signs them: opened once, at a worker's start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import Engine, select

from farm.database import read
from farm.provenance.rules import OTHERS, read_rules
from farm.settings import Settings
from farm.tables import Project
from workers.outputs.provenance import Provenance


@dataclass(frozen=True)
class ProjectProvenance:
    """That of every project. For one thread at a time, as a signer is."""

    engine: Engine
    others: Provenance
    by_name: Mapping[str, Provenance] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)  # of projects, by id: a project keeps its name

    @classmethod
    def open(cls, settings: Settings, engine: Engine, now: float) -> Self:
        """By the settings and the rules that they name; `now` in seconds since 1970. Raises SettingsError."""
        opened = {name: Provenance.by_rule(rule, settings, name, now) for name, rule in read_rules(settings).items()}
        others = opened.pop(OTHERS, None) or Provenance.of(settings, now)
        return cls(engine, others, opened)

    def of(self, project_id: str) -> Provenance:
        """That of a project. Raises SQLAlchemyError where its name is to be asked for and the database is away."""
        if not self.by_name:
            return self.others
        if project_id not in self._names:
            with read(self.engine) as connection:
                name = connection.scalar(select(Project.name).where(Project.id == project_id))
            self._names[project_id] = name or ""
        return self.by_name.get(self._names[project_id], self.others)
