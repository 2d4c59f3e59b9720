"""Whether a render that was admitted for one model may go over to another one of its family: its parameters, checked
as a request for that model would be.
"""

from collections.abc import Mapping
from typing import Any

from farm.catalog.schema import ModelEntry
from farm.errors import Fault
from farm.params.checks.family_checks import FamilyChecks
from farm.params.checks.plugins import CHOICE, choice_of
from farm.params.families import common_parameters, family_named
from farm.params.outputs import check_output
from farm.params.pictures import FindInput, asked_again, none_uploaded, stored_pictures
from farm.params.request.base import INPUTS, AdapterRef, InputRef, RenderParameters
from farm.params.request.declared import CARRIED
from farm.params.request.job_request import JobRequest
from farm.params.request.submission import pointer
from farm.params.request.text import text_fault
from farm.params.sharding_limits import check_division


class ModelChangeChecks:
    """Request validation for a model, for renders one by one; what follows from all but prompt and seed is looked at
    once.
    """

    def __init__(self, entry: ModelEntry, find_input: FindInput = none_uploaded) -> None:
        """`find_input`: of the project, where it is known what this model takes of an adapter."""
        self._entry = entry
        self._find_input = find_input
        self._family = family_named(entry.family)
        self._seen: dict[str, RenderParameters | list[Fault]] = {}

    def check(self, parameters: Mapping[str, Any]) -> RenderParameters | list[Fault]:
        """The same picture or clip as this model renders it, or everything that is against it.

        Nothing is adjusted: what was a default of the old model is asked for as if it had been typed.
        """
        if parameters.get("family") != self._entry.family:
            text = f"{self._entry.name} is of the family {self._entry.family}; seen {parameters.get('family')!r}"
            return [Fault("/model", f"{text}, whose parameters mean something else")]
        if "training" in parameters:
            return [Fault("/model", "is of a training, which gives a LoRA of its own model; train another one")]
        rest = {name: parameters[name] for name in (*CARRIED, *CHOICE) if parameters.get(name) is not None}
        alike = repr(sorted(rest.items()))
        if alike not in self._seen:
            self._seen[alike] = self._check_rest(rest)
        found = self._seen[alike]
        if fault := text_fault(str(parameters["prompt"]), self._entry.limits.prompt_chars):
            return [*(found if isinstance(found, list) else []), Fault(pointer("prompt"), fault)]
        if isinstance(found, list):
            return found
        return found.model_copy(update={"prompt": parameters["prompt"], "seed": parameters["seed"]})

    def _check_rest(self, rest: dict[str, Any]) -> RenderParameters | list[Fault]:
        files = {found.id: found for found in stored_pictures(rest).values()}  # checked when they were admitted
        asked = {name: value for name, value in rest.items() if name not in (*CHOICE, *INPUTS)} | asked_again(rest)
        if adapters := [AdapterRef.model_validate(stored) for stored in rest.pop("loras", [])]:
            asked["loras"] = [
                {"name": adapter.name, "weight": adapter.weight, "expert": adapter.expert} for adapter in adapters
            ]
            asked["allow_partial"] = any(adapter.partial for adapter in adapters)
            files |= {adapter.name: self._file(adapter, adapter.key) for adapter in adapters if adapter.key}
        else:
            asked.pop("loras", None)
        checks = FamilyChecks(JobRequest(model=self._entry.name, prompt="", **asked), self._entry, find_input=files.get)
        values = self._family.check(checks)
        values |= common_parameters(checks, self._family, values)
        output = check_output(checks.request, self._entry, values.get("num_frames", 1), values.get("fps"))
        values |= checks.take(output) | choice_of(rest)
        if not checks.faults:
            checks.take(check_division(values, self._entry))
        if checks.faults:
            return checks.faults
        values |= {
            "prompt": "",
            "seed": 0,
            "max_sequence_length": self._entry.max_sequence_length,
            "deterministic": bool(rest.get("deterministic")),
        }
        return self._family.parameters.model_validate(values)

    def _file(self, adapter: AdapterRef, key: str) -> InputRef:
        found = self._find_input(adapter.name)
        told = found.adapter if found is not None else None
        return InputRef(id=adapter.name, key=key, sha256=adapter.sha256, adapter=told, name=adapter.file or "")
