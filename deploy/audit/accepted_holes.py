"""Known holes that holes.toml bears for a while, each with a reason and a last day."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from deploy.audit.vulnerabilities import Hole

TABLE = Path(__file__).with_name("holes.toml")


@dataclass(frozen=True)
class Accepted:
    """One entry: a hole by one of its names, of one package."""

    name: str
    package: str
    why: str
    until: date

    def covers(self, hole: Hole) -> bool:
        """Whether this is the hole that is meant."""
        return self.package == hole.package and self.name in hole.names


@dataclass
class Judged:
    """Found holes, sorted by what the table says of them."""

    open: list[Hole] = field(default_factory=list)
    borne: list[tuple[Hole, Accepted]] = field(default_factory=list)
    unused: list[Accepted] = field(default_factory=list)


def read_accepted(file: Path = TABLE) -> list[Accepted]:
    """The entries. Raises TypeError for one that lacks a key or has another one."""
    return [Accepted(name, **entry) for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items()]


def judge_holes(found: Iterable[Hole], accepted: Iterable[Accepted], today: date) -> Judged:
    """Those for which somebody has to do something, those that are borne, and entries that nothing needs."""
    judged, left = Judged(), list(accepted)
    borne_now = [one for one in left if today < one.until]
    for hole in found:
        entry = next((one for one in borne_now if one.covers(hole)), None)
        if entry is None:
            judged.open.append(hole)
        else:
            judged.borne.append((hole, entry))
    needed = {entry for _, entry in judged.borne}
    judged.unused = [one for one in left if one not in needed]
    return judged
