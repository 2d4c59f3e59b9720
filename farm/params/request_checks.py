"""Request validation: one request against one model, gathering every fault and everything the answer must say."""

from collections.abc import Iterable, Mapping

from farm.catalog.schema import ModelEntry
from farm.errors import Fault
from farm.params.pictures import FindInput, none_uploaded
from farm.params.request.base import ADAPTER_SUFFIX, InputRef, Speed
from farm.params.request.job_request import JobRequest
from farm.params.request.submission import pointer, shown
from farm.params.request.templates import Filled, Templates
from farm.params.request.text import length_fault, text_fault, tokens_at_most
from farm.params.samplers import sampler_fault
from farm.params.sizes import cut_size, nearest_multiples, rendered_shape

#: Numbers that belong to a picture → why models without one refuse them.
_OF_PICTURES = {
    "strength": "{name} starts from no picture that could be noised",
    "controlnet_conditioning_scale": "{name} has no ControlNet",
}


class RequestChecks:
    """Checks that families share. A check returns the value to render with, also after a fault.

    The request has one value for every parameter; `places` says where those that come from lists stand.
    """

    def __init__(
        self,
        request: JobRequest,
        entry: ModelEntry,
        places: Mapping[str, str] | None = None,
        find_input: FindInput = none_uploaded,
    ) -> None:
        self.request = request
        self.entry = entry
        self.faults: list[Fault] = []
        self.notices: list[str] = []
        self._places = places or {}
        self._find_input = find_input

    def refuse(self, field: str, message: str) -> None:
        """Add a fault of a field of the request."""
        self.faults.append(Fault(self._places.get(field, pointer(field)), message))

    def tell(self, field: str, message: str) -> None:
        """Add a notice about a field of the request."""
        self.notices.append(f"{self._places.get(field, pointer(field))}: {message}")

    def refuse_given(self, field: str, reason: str) -> None:
        """A fault if the request gives a field that this model does not have."""
        if getattr(self.request, field) is not None:
            self.refuse(field, f"{reason}; leave it out")

    def only_of_pictures(self, *taken: str) -> None:
        """Refuse the numbers that belong to a picture, but for those that this family takes."""
        for field, reason in _OF_PICTURES.items():
            if field not in taken:
                self.refuse_given(field, reason.format(name=self.entry.name))

    def needs_picture(self, field: str, purpose: str) -> None:
        """A fault unless the request names an uploaded picture."""
        if getattr(self.request, field) is None:
            self.refuse(field, f"{self.entry.name} {purpose}; upload one and give its id")

    def whole(self, field: str, low: int, high: int) -> int:
        """A whole number of the request (or the model's default) within low … high."""
        value = self._asked(field, low)
        assert isinstance(value, int)
        if not low <= value <= high:
            self.refuse(field, f"must be between {low} and {high} for {self.entry.name}; seen {shown(value)}")
        return value

    def real(self, field: str, low: float, high: float) -> float:
        """A number of the request (or the model's default) within low … high."""
        value = self._asked(field, low)
        if not low <= value <= high:
            self.refuse(field, f"must be between {low:g} and {high:g} for {self.entry.name}; seen {shown(value)}")
            return low
        return float(value)

    def _asked(self, field: str, low: float) -> float:
        value = getattr(self.request, field)
        if value is None:
            value = self.entry.defaults.get(field, low)
        assert isinstance(value, int | float)
        return value

    def prompts(self, filled: Iterable[Filled], templates: Templates) -> None:
        """Check the filled prompts, and every choice of their wildcards."""
        limit = self.entry.limits.prompt_chars
        told: set[str] = set()
        for prompt in filled:
            if told and prompt.field in told:
                continue
            chars = templates.longest_chars(prompt) if templates.wild else prompt.chars
            text = templates.longest(prompt.text) if templates.wild and chars <= limit else prompt.text
            if fault := length_fault(chars, limit) or text_fault(text, limit):
                told.add(prompt.field)
                made = f" (filled: {shown(text)})" if templates.change(prompt) else ""
                self.faults.append(Fault(prompt.field, fault + made))
            elif tokens_at_most(text) > self.entry.max_sequence_length:
                told.add(prompt.field)
                self.notices.append(
                    f"{prompt.field}: {self.entry.name} reads the first {self.entry.max_sequence_length} tokens; "
                    f"the end of this prompt ({len(text)} characters) may be cut off"
                )

    def title(self) -> None:
        """The job's title, which is stored beside the prompts."""
        title = self.request.title
        if title is not None and (fault := text_fault(title, 300, may_be_empty=True)):
            self.refuse("title", fault)

    def negative_prompt(self, guidance: float) -> str:
        """The negative prompt; one that is given but can have no effect is said so."""
        given = self.request.negative_prompt
        if given is None:
            default: str = self.entry.defaults.get("negative_prompt", "")
            return default
        assert isinstance(given, str)
        if fault := text_fault(given, self.entry.limits.prompt_chars, may_be_empty=True):
            self.refuse("negative_prompt", fault)
        elif given.strip() and guidance <= 1:
            place = self._places.get("negative_prompt", "/negative_prompt")
            self.notices.append(f"{place}: has no effect at guidance_scale 1; take more than 1")
        return given

    def instruction(self) -> bool:
        """Whether the model's own instruction goes before the prompt."""
        given = self.request.complex_human_instruction
        return bool(self.entry.defaults.get("complex_human_instruction", True) if given is None else given)

    def sampler(self) -> str:
        """The sampler by its name."""
        name = self.request.sampler
        if name is None:
            default: str = self.entry.defaults["sampler"]
            return default
        assert isinstance(name, str)
        if name in self.entry.samplers:
            return name
        self.refuse("sampler", sampler_fault(name, self.entry.name, self.entry.samplers))
        return name

    def flow_shift(self, width: int, height: int) -> float | None:
        """The timestep shift: as asked, or as the model has it for this rendered size."""
        if self.request.flow_shift is not None:
            return self.real("flow_shift", *self.entry.limits.flow_shift)
        return self.entry.shift_for(width, height)

    def uploaded(self, id: str) -> InputRef | None:
        """The file of that id, if the project has uploaded it."""
        return self._find_input(id)

    def picture(self, field: str) -> InputRef | None:
        """The uploaded picture that a field names; None where it names none, and after a fault."""
        given = getattr(self.request, field)
        if given is None:
            return None
        found = self._find_input(given)
        if found is None or found.key.endswith(ADAPTER_SUFFIX):
            self.refuse(field, f"the project has no picture {shown(given)}; upload it first (farm inputs add FILE)")
        return found

    def stop_at_step(self, steps: int) -> int | None:
        """The step after which a draft is shown, of so many."""
        stop = self.request.stop_at_step
        if stop is None or 1 <= stop < steps:
            return stop
        if steps == 1:
            self.refuse("stop_at_step", "a render of one step has no draft; leave it out")
        else:
            self.refuse("stop_at_step", f"must be between 1 and {steps - 1}, before the last step; seen {shown(stop)}")
        return None

    def speed(self) -> Speed:
        """Whether all of the model runs in every pass; `fast` where the model has a way that works."""
        speed: Speed = self.request.speed or "quality"  # type: ignore[assignment]  # one value, as said above
        if speed == "quality":
            return speed
        name = self.entry.name
        if self.entry.step_cache is None:
            self.refuse("speed", f"{name} has no step cache that would make it fast; leave it out, or take fewer steps")
        elif self.entry.sharded:
            self.refuse("speed", f"{name} lies on several devices, where a step cache does not work; leave it out")
        elif self.request.stop_at_step is not None:
            self.refuse("speed", "a fast render cannot stop for a draft and go on the same; leave one of them out")
        return speed

    def size(self) -> tuple[int, int]:
        """Width and height as asked, which the model can render, or render in a bin and cut."""
        limits, before = self.entry.limits, len(self.faults)
        width = self.whole("width", *limits.width)
        height = self.whole("height", *limits.height)
        if self.entry.bins is None:
            self._multiple("width", width, limits.width)
            self._multiple("height", height, limits.height)
        if len(self.faults) == before and width * height > limits.max_pixels:
            self.refuse(
                "width",
                f"{width}x{height} are {width * height:,} pixels and {self.entry.name} renders at most "
                f"{limits.max_pixels:,}; {self._offered()}",
            )
        elif len(self.faults) == before:
            self._cut(width, height)
        return width, height

    def _multiple(self, side: str, value: int, limits: tuple[int, int]) -> None:
        multiple = self.entry.size_multiple
        if limits[0] <= value <= limits[1] and value % multiple:
            legal = " or ".join(map(str, nearest_multiples(value, multiple, *limits)))
            self.refuse(side, f"must be a multiple of {multiple} for {self.entry.name}; seen {value}, take {legal}")

    def _cut(self, width: int, height: int) -> None:
        rendered = rendered_shape(self.entry, width, height)
        if (rendered.width, rendered.height) == (width, height):
            return
        if not 0.25 <= height / width <= 4:
            self.refuse("width", f"{width}x{height} is longer than 4:1, which no size of {self.entry.name} covers")
            return
        came_out = cut_size(rendered, width, height)
        if came_out != (width, height):
            self.refuse(
                "width",
                f"{width}x{height} would come out as {came_out[0]}x{came_out[1]} (rendered at {rendered}, "
                f"cut, a pixel lost to rounding); take {came_out[0]}x{came_out[1]} or {self._offered()}",
            )
            return
        self.notices.append(
            f"{width}x{height} is rendered at {rendered}, the nearest size {self.entry.name} knows, then "
            f"scaled and cropped to {width}x{height}"
        )

    def _offered(self) -> str:
        return "for example " + ", ".join(f"{width}x{height}" for width, height in self.entry.sizes[:6])
