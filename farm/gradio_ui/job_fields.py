"""What a person set on the page, as the fields of a job. The farm is the judge of it: here nothing is refused twice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import Fault, InvalidRequest
from farm.gradio_ui.model_choices import Offer

if TYPE_CHECKING:
    from farm.params.request.job_fields import JobFields

_SIZE = re.compile(r"\s*([0-9]{1,6})\s*[×x]\s*([0-9]{1,6})\s*", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """The form as it was sent. `seed` is text, since browsers round numbers above 2^53; empty: the farm draws."""

    model: str
    prompt: str
    negative_prompt: str
    size: str
    steps: float
    guidance: float
    sampler: str
    frames: int | None
    seed: str
    count: int

    def fields(self, offer: Offer) -> JobFields:
        """All but model and prompt; what the model does not take is left out. Raises InvalidRequest for the size."""
        fields: JobFields = {
            "num_inference_steps": int(self.steps),
            "guidance_scale": self.guidance,
            "sampler": self.sampler,
        }
        fields["width"], fields["height"] = _pixels(self.size)
        if offer.negative_prompt is not None:
            fields["negative_prompt"] = self.negative_prompt
        if offer.frames and self.frames is not None:
            fields["num_frames"] = int(self.frames)
        seed = self.seed.strip()
        if not seed:
            fields["seed_count"] = int(self.count)
        elif seed.isascii() and seed.isdecimal():
            fields["seeds"] = [int(seed) + place for place in range(int(self.count))]
        else:
            fields["seed"] = seed
        return fields


def _pixels(size: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(size)
    if not found:
        raise InvalidRequest(
            [Fault("/size", f"must be a width and a height in pixels, such as 128 × 128; seen {size!r}")]
        )
    return int(found[1]), int(found[2])
