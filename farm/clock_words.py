"""By how much a clock is off, for people."""

#: A clock that is off by more is worth a word: those that a time service sets are off by less.
NOTABLE_SECONDS = 2.0


def clock_words(skew: float | None) -> str:
    """'3.2 s ahead', '61 min behind'; '' for a clock that is right, as far as anybody would notice, or not known.

    `skew`: seconds, positive is ahead.
    """
    if skew is None or abs(skew) <= NOTABLE_SECONDS:
        return ""
    way = "ahead" if skew > 0 else "behind"
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if abs(skew) >= 2 * length:
            return f"{abs(skew) / length:.0f} {unit} {way}"
    return f"{abs(skew):.1f} s {way}"
