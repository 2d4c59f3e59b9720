"""By how much a clock is off, for people."""

from farm.sentences import sentence

#: A clock that is off by more is worth a word: those that a time service sets are off by less.
NOTABLE_SECONDS = 2.0
_UNITS = (
    (sentence("%(number)s days ahead"), sentence("%(number)s days behind"), 86_400),
    (sentence("%(number)s h ahead"), sentence("%(number)s h behind"), 3_600),
    (sentence("%(number)s min ahead"), sentence("%(number)s min behind"), 60),
)


def clock_words(skew: float | None) -> str:
    """'3.2 s ahead', '61 min behind'; '' for a clock that is right, as far as anybody would notice, or not known.

    `skew`: seconds, positive is ahead.
    """
    if skew is None or abs(skew) <= NOTABLE_SECONDS:
        return ""
    for forward, backward, length in _UNITS:
        if abs(skew) >= 2 * length:
            return sentence(forward if skew > 0 else backward, number=f"{abs(skew) / length:.0f}")
    number = f"{abs(skew):.1f}"
    return sentence("%(number)s s ahead", number=number) if skew > 0 else sentence("%(number)s s behind", number=number)
