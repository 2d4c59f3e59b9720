"""What a person may have meant: known names, the most alike first."""

from collections.abc import Iterable
from difflib import SequenceMatcher

from farm.sentences import sentence


def nearest_first(name: str, known: Iterable[str]) -> list[str]:
    """All known names: those that hold `name` ('steps'), then by likeness, then by alphabet; case is dropped."""
    wanted = name.lower()[:200]

    def unlikeness(other: str) -> tuple[bool, float, str]:
        plain = other.lower()
        return wanted not in plain, -SequenceMatcher(None, wanted, plain).ratio(), other

    return sorted(known, key=unlikeness)


def did_you_mean(name: str, known: Iterable[str], show: int | None = None) -> str:
    """A clause that names the likeliest known name, then all (or `show`): "did you mean 'heun'? Known: …"."""
    names = nearest_first(name, known)
    if not names:
        return sentence("none is known")
    others = ", ".join(names[:show]) + (", …" if show and len(names) > show else "")
    return sentence("did you mean %(name)s? Known: %(others)s", name=repr(names[0]), others=others)
