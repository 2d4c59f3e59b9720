"""Whether lists show the second renders, those that verifications had made of renders which were there."""

from enum import StrEnum


class SecondRenders(StrEnum):
    """What a list does with second renders that nobody has rated, tagged or put on a board."""

    WITHOUT = "without"
    WITH = "with"
    ONLY = "only"  # those of verifications, marked or not
