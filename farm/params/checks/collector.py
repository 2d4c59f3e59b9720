"""What a check returns, and where all that is wrong with a request is gathered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from farm.errors import Fault
from farm.params.request.submission import pointer

T = TypeVar("T")


@dataclass(frozen=True)
class Notice:
    """What the answer must say of a field, a JSON pointer as a fault has it; '' where it is about none alone."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


Said: TypeAlias = tuple[Fault | Notice, ...]
#: The value to render with, also after a fault, and what is said of it. Bare tuples: most checks say nothing, and a
#: sweep makes thousands.
Checked: TypeAlias = tuple[T, Said]


def refused(value: T, field: str, message: str) -> Checked[T]:
    """A value with a fault of a field of the request."""
    return value, (Fault(pointer(field), message),)


def noticed(value: T, field: str, message: str) -> Checked[T]:
    """A value with a notice about a field of the request."""
    return value, (Notice(pointer(field), message),)


class Collector:
    """Every fault and every notice of a request.

    `places` says where the value of a field stands that comes from a list: the field → a JSON pointer.
    """

    def __init__(self, places: Mapping[str, str] | None = None) -> None:
        self.faults: list[Fault] = []
        self.notices: list[str] = []
        self._places = places or {}

    def take(self, checked: Checked[T]) -> T:
        """The value of a check; what it says is kept."""
        value, said = checked
        for each in said:
            where = self._places.get(each.field[1:], each.field)
            if isinstance(each, Fault):
                self.faults.append(Fault(where, each.message))
            else:
                self.notices.append(str(Notice(where, each.message)))
        return value

    def refuse(self, field: str, message: str) -> None:
        """Add a fault of a field of the request."""
        self.take(refused(None, field, message))

    def tell(self, field: str, message: str) -> None:
        """Add a notice about a field of the request."""
        self.take(noticed(None, field, message))
