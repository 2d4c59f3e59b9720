"""A verification in the words of its page."""

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.schemas import Verification, Why
from farm.lifecycle import ENDED
from farm.sentences import Sentence, sentence
from farm.verification.compare_stored import Compared

#: By verdict: what it is called, and what that means.
_WORDS: Mapping[str, tuple[Sentence, Sentence]] = {
    "same_bytes": (sentence("The same file."), sentence("It came out again byte for byte.")),
    "same_pixels": (
        sentence("The same pixels."),
        sentence("What the model made is equal; the file around it was written differently."),
    ),
    "within": (
        sentence("The same within the tolerance."),
        sentence("Some values differ by so little that nobody sees it, as sums of floats in another order do."),
    ),
    "other": (sentence("Different."), sentence("The two outputs can be told apart.")),
}


@dataclass(frozen=True)
class VerificationWords:
    """`told`: as programs read it; `compared` has its sentences. `why`: of the second while it has not ended."""

    told: Verification
    compared: Compared
    why: Why | None

    @property
    def ended(self) -> bool:
        """Whether the second render has."""
        return self.told.status in ENDED

    @property
    def state(self) -> str:
        """Of the second render, as its own page says it."""
        return "waiting" if self.told.status in ("pending", "held") else str(self.told.status)

    @property
    def verdict(self) -> Sentence | None:
        """What the verdict is called."""
        return _WORDS[self.told.verdict][0] if self.told.verdict else None

    @property
    def meaning(self) -> Sentence | None:
        """What the verdict means."""
        return _WORDS[self.told.verdict][1] if self.told.verdict else None

    @property
    def doubtful(self) -> bool:
        """Whether it is worth while to look closer."""
        return self.told.verdict in ("within", "other")

    @property
    def explained(self) -> Sentence:
        """What the differences are to the verdict."""
        if self.doubtful:
            return sentence("Not as it was, which may be why:")
        return sentence("Not as it was, and yet it came out the same:")
