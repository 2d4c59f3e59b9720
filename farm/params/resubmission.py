"""A render that there is, as a request that asks for the same once more."""

from collections.abc import Mapping
from typing import Any

from farm.params.pictures import asked_again
from farm.params.request.base import INPUTS
from farm.params.request.declared import CARRIED


def request_again(model: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a submission of one render with its stored parameters: prompt, seed and all that it was asked.

    What chose among several (`scorer`, `keep_best`) is left out. Pictures, clips and adapters that were uploaded are
    named by their ids.
    """
    kept = {name: parameters[name] for name in CARRIED if parameters.get(name) is not None}
    asked = {name: value for name, value in kept.items() if name not in (*INPUTS, "loras")}
    asked |= asked_again(parameters)
    if adapters := kept.get("loras"):
        asked["loras"] = [{name: adapter.get(name) for name in ("name", "weight", "expert")} for adapter in adapters]
        asked["allow_partial"] = any(adapter.get("partial") for adapter in adapters)
    return {**asked, "model": model, "prompt": parameters["prompt"], "seed": parameters["seed"]}
