"""A row of docs/faults.md."""

from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Fault:
    """A row of the page. `test`: 'path/below/tests.py::name'."""

    what: str
    seen: str
    heals: str
    test: str

    @property
    def path(self) -> Path:
        return TESTS / self.test.partition("::")[0]

    @property
    def name(self) -> str:
        return self.test.partition("::")[2]
