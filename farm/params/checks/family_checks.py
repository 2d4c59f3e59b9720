"""What a family's `check` gets: one request against one model, with each check of a field to be called."""

from collections.abc import Mapping
from typing import Any

from farm.catalog.schema import ModelEntry
from farm.params.checks.collector import Collector
from farm.params.checks.numbers import check_real, check_stop_at_step, check_whole
from farm.params.checks.pictures import OF_PICTURES, check_picture
from farm.params.checks.prompts import check_negative_prompt
from farm.params.checks.sampling import check_flow_shift, check_sampler, check_speed
from farm.params.checks.size import check_size
from farm.params.pictures import FindInput, none_uploaded
from farm.params.request.base import InputRef, Speed
from farm.params.request.job_request import JobRequest


class FamilyChecks(Collector):
    """The checks that families share, families of plugins too: each returns the value to render with, also after a
    fault, and keeps what is wrong.

    The request has one value for every parameter; `places` says where those that come from lists stand.
    """

    def __init__(
        self,
        request: JobRequest,
        entry: ModelEntry,
        places: Mapping[str, str] | None = None,
        find_input: FindInput = none_uploaded,
    ) -> None:
        super().__init__(places)
        self.request = request
        self.entry = entry
        self._find_input = find_input

    def asked(self, field: str) -> Any:
        """The one value of a field, or None where the request leaves it to the model."""
        return getattr(self.request, field)

    def refuse_given(self, field: str, reason: str) -> None:
        """A fault if the request gives a field that this model does not have."""
        if self.asked(field) is not None:
            self.refuse(field, f"{reason}; leave it out")

    def only_of_pictures(self, *taken: str) -> None:
        """Refuse what belongs to a picture or a clip, but for those that this family takes."""
        for field, reason in OF_PICTURES.items():
            if field not in taken and self.asked(field) is not None:
                self.refuse_given(field, reason.format(name=self.entry.name))

    def needs_picture(self, field: str, purpose: str) -> None:
        """A fault unless the request names an uploaded picture."""
        if self.asked(field) is None:
            self.refuse(field, f"{self.entry.name} {purpose}; upload one and give its id")

    def whole(self, field: str, low: int, high: int) -> int:
        """A whole number of the request (or the model's default) within low … high."""
        return self.take(check_whole(field, self.asked(field), self.entry, low, high))

    def real(self, field: str, low: float, high: float) -> float:
        """A number of the request (or the model's default) within low … high."""
        return self.take(check_real(field, self.asked(field), self.entry, low, high))

    def size(self) -> tuple[int, int]:
        """Width and height as asked, which the model can render, or render in a bin and cut."""
        return self.take(check_size(self.asked("width"), self.asked("height"), self.entry))

    def negative_prompt(self, guidance: float) -> str:
        """The negative prompt; one that is given but can have no effect is said so."""
        return self.take(check_negative_prompt(self.asked("negative_prompt"), guidance, self.entry))

    def instruction(self) -> bool:
        """Whether the model's own instruction goes before the prompt."""
        given, default = (
            self.asked("complex_human_instruction"),
            self.entry.defaults.get("complex_human_instruction", True),
        )
        return bool(default if given is None else given)

    def sampler(self) -> str:
        """The sampler by its name."""
        return self.take(check_sampler(self.asked("sampler"), self.entry))

    def flow_shift(self, width: int, height: int) -> float | None:
        """The timestep shift: as asked, or as the model has it for this rendered size."""
        return self.take(check_flow_shift(self.asked("flow_shift"), width, height, self.entry))

    def stop_at_step(self, steps: int) -> int | None:
        """The step after which a draft is shown, of so many."""
        return self.take(check_stop_at_step(self.request.stop_at_step, steps))

    def speed(self) -> Speed:
        """Whether all of the model runs in every pass; `fast` where the model has a way that works."""
        drafted = self.request.stop_at_step is not None
        return self.take(check_speed(self.asked("speed"), drafted=drafted, entry=self.entry))

    def uploaded(self, id: str) -> InputRef | None:
        """The file of that id, if the project has uploaded it."""
        return self._find_input(id)

    def picture(self, field: str) -> InputRef | None:
        """The uploaded picture that a field names; None where it names none."""
        return self.take(check_picture(field, self.asked(field), self._find_input))
