"""The scorers that come with the farm: what each reads, and whether it needs weights. Packages may bring more.

What is known here a control node needs, too: it refuses what cannot be, and never loads a scorer. The formulas are in
`workers.scoring`, and in docs/scoring.md.
"""

from dataclasses import dataclass
from enum import StrEnum

from farm.plugins import PluginKind, plugin_names
from farm.sentences import Sentence, sentence


class Reads(StrEnum):
    """What a scorer can say something of."""

    PICTURES = "pictures"
    CLIPS = "clips"
    BOTH = "pictures and clips"


@dataclass(frozen=True)
class ScorerFacts:
    """What is known of a scorer without loading it. Larger figures are better, always."""

    reads: Reads = Reads.BOTH
    about: Sentence | str = ""
    weights: bool = False  # needs a model of its own, and torch: never in a worker's parent


BUILT_IN: dict[str, ScorerFacts] = {
    "sharpness": ScorerFacts(
        about=sentence("How strong edges are: the variance of the Laplacian of the grey picture, from 0."),
    ),
    "flicker": ScorerFacts(
        reads=Reads.CLIPS,
        about=sentence("How little each frame differs from the one before it: 1 for a clip that stands still."),
    ),
    "smoothness": ScorerFacts(
        reads=Reads.CLIPS,
        about=sentence("How near each frame is to the mean of its two neighbours: 1 for even motion."),
    ),
    "prompt": ScorerFacts(
        about=sentence("The share of what a prompt of the demo world asks for that is to be seen: 1 is all of it."),
    ),
    "clip": ScorerFacts(
        weights=True,
        about=sentence("CLIP score: how well picture and prompt agree, 0 to 100."),
    ),
    "aesthetic": ScorerFacts(
        weights=True,
        about=sentence("How people would rate the picture by LAION's predictor, about 1 to 10."),
    ),
}


def scorer_names() -> tuple[str, ...]:
    """The scorers that are installed here, those of other packages too."""
    return plugin_names(PluginKind.SCORER)


def facts_of(name: str) -> ScorerFacts:
    """What is known of a scorer; of one of another package that it reads both, and nothing else."""
    return BUILT_IN.get(name, ScorerFacts())


def is_deferred(name: str | None) -> bool:
    """Whether outputs are scored by `farm scorer` after they are stored, and not by the worker that rendered them."""
    return name is not None and facts_of(name).weights
