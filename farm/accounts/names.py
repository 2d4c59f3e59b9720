"""The rules for names that people give to projects, users and keys, and for what a project weighs."""

from farm.errors import Fault

LONGEST_NAME = 200  # characters, as the columns hold
#: What a project may weigh in the fair share. GPU-seconds are divided by it, and no database holds the infinite.
LEAST_WEIGHT, MOST_WEIGHT = 1e-6, 1e6


def name_faults(name: str) -> list[Fault]:
    """What is wrong with a name; the pointer is `/name`."""
    if {".", ".."} & set(name.split("/")):
        # Browsers and clients take these parts out of an address, so what is called so has none.
        return [Fault("/name", f"must not be '.' or '..', nor have them between slashes; seen {name[:40]!r}")]
    if name.strip() and name.isprintable() and len(name) <= LONGEST_NAME:
        return []
    rule = f"must have 1 to {LONGEST_NAME} printable characters"
    return [Fault("/name", f"{rule}; seen {name[:40]!r} ({len(name)} characters)")]


def weight_faults(weight: float | None, field: str = "/weight") -> list[Fault]:
    """What is wrong with a project's part in the fair share; None is none that is given."""
    if weight is None or LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        return []
    return [Fault(field, f"must be between {LEAST_WEIGHT:.6f} and {MOST_WEIGHT:.0f}; seen {weight!r}")]
