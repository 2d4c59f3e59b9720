"""Step caches: what a `fast` render of a model leaves out of its passes, and when."""

from typing import Literal, Self

from pydantic import Field, model_validator

from farm.catalog.entry import Entry


class StepCache(Entry):
    """A cache of diffusers, and how far it may go.

    first-block: a pass whose first block changed less than `threshold` (mean change over mean size) since the last
    whole one takes what the others added then. sea: the same of the latents themselves, weighed by frequency, summed
    over passes. mag: by how much each pass of this model is known to change (`mag_ratios`).
    """

    kind: Literal["first-block", "sea", "mag"]
    threshold: float = Field(gt=0, lt=10, description="more leaves out more, and is further from the whole result")
    mag_ratios: tuple[float, ...] = Field(
        (), strict=False, description="of kind mag: measured of this model, one for each step of some number of steps"
    )

    @model_validator(mode="after")
    def _ratios_of_mag(self) -> Self:
        if (self.kind == "mag") != bool(self.mag_ratios):
            raise ValueError("mag_ratios: belong to kind 'mag', which needs them; no other kind has them")
        return self

    def __str__(self) -> str:
        return f"{self.kind} {self.threshold:g}"
