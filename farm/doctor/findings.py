"""What an examination finds: how bad it is, in words, and what to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from farm.settings import Settings


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"  # the farm works, but not as well or as safely as it could
    FAIL = "fail"  # something does not work


@dataclass(frozen=True)
class Finding:
    """One fact about one part: `what` was found, and the `remedy` where something is to be done."""

    part: str
    level: Level
    what: str
    remedy: str = ""


#: Looks at one part. What it raises counts as a failure of that part.
Check = Callable[[Settings], Iterator[Finding]]
