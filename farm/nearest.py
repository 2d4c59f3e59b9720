"""What a person may have meant: known names, the most alike first."""

from collections.abc import Iterable
from difflib import SequenceMatcher


def nearest_first(name: str, known: Iterable[str]) -> list[str]:
    """All known names, sorted by their likeness to `name` (case does not matter), then by alphabet."""
    wanted = name.lower()[:200]

    def unlikeness(other: str) -> tuple[float, str]:
        return -SequenceMatcher(None, wanted, other.lower()).ratio(), other

    return sorted(known, key=unlikeness)


def did_you_mean(name: str, known: Iterable[str], show: int | None = None) -> str:
    """A clause that names the likeliest known name, then all (or `show`): "did you mean 'heun'? Known: …"."""
    names = nearest_first(name, known)
    if not names:
        return "none is known"
    others = ", ".join(names[:show]) + (", …" if show and len(names) > show else "")
    return f"did you mean {names[0]!r}? Known: {others}"
