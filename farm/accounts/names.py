"""The rule for names that people give to projects, users and keys."""

from farm.errors import Fault

LONGEST_NAME = 200  # characters, as the columns hold


def name_faults(name: str) -> list[Fault]:
    """What is wrong with a name; the pointer is `/name`."""
    if name.strip() and name.isprintable() and len(name) <= LONGEST_NAME:
        return []
    rule = f"must have 1 to {LONGEST_NAME} printable characters"
    return [Fault("/name", f"{rule}; seen {name[:40]!r} ({len(name)} characters)")]
