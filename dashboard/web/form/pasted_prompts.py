"""What people paste into the prompts of the form, taken for what it means: LoRA tags, and choices by chance.

What cannot be taken stays text, and the job's notices say so (`farm.params.checks.pasted_syntax`).
"""

import re
from collections.abc import Mapping
from typing import Any

from dashboard.web.form.numbers import number
from farm.errors import Fault
from farm.params.checks.pasted_choices import take_choices
from farm.sentences import sentence

_LORA = re.compile(r" ?<lora:([^<>:]+)(?::([^<>:]*))?>")


def take_pasted(request: dict[str, Any], adapters: Mapping[str, str] | None) -> list[Fault]:
    """Move LoRA tags of the prompts into `loras`, and `{a|b}` into `wildcards`.

    `adapters`: names under which people know an adapter, with the name that the API takes; None where the model takes
    none, so that tags stay text. Returns faults.
    """
    prompts = request["prompt"] if isinstance(request["prompt"], list) else [request["prompt"]]
    faults: list[Fault] = []
    if adapters is not None:
        faults = _take_tags(request, prompts, adapters)
    prompts, chosen = take_choices(prompts, request.get("wildcards", ()))
    if chosen:
        request["wildcards"] = chosen | request.get("wildcards", {})
    request["prompt"] = prompts if isinstance(request["prompt"], list) else prompts[0]
    return faults


def _take_tags(request: dict[str, Any], prompts: list[str], adapters: Mapping[str, str]) -> list[Fault]:
    """Changes `prompts` and `request`. Adapters are of the whole job, so all lines must have the same."""
    tags = [_LORA.findall(prompt) for prompt in prompts]
    if not any(tags):
        return []
    told = sentence("has other LoRA tags than the first line; adapters are of the whole job: submit these lines apart")
    faults = [Fault(f"/prompt/{line}", told) for line, found in enumerate(tags) if found != tags[0]]
    request["loras"] = [
        *request.get("loras", []),
        *(_use(name.strip(), weight.strip(), adapters) for name, weight in tags[0]),
    ]
    prompts[:] = [_LORA.sub("", prompt).strip() for prompt in prompts]
    return faults


def _use(name: str, weight: str, adapters: Mapping[str, str]) -> dict[str, Any]:
    use: dict[str, Any] = {"name": adapters.get(name.casefold(), name)}
    return use | {"weight": number(weight, float)} if weight else use
