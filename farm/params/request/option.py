"""How the command line names a field of a request, told where the field is declared."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """The option of `farm submit` for a field; what is left out follows from the field. A field without has none.

    A flag follows from a `bool`, a choice from a `Literal`, an option that may be given again from a list, the least
    value from `ge`.
    """

    name: str | None = None  # such as "--steps"; none: the field's name
    help: str | None = None  # none: the field's description
    metavar: str | None = None  # none: the type
    #: What is typed, where the field is no scalar and no list of texts: the console has a reader for it.
    typed: type | None = None
    least: int | None = None
