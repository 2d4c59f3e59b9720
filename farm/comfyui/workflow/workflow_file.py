"""A workflow file as a resolved graph, whichever of ComfyUI's formats it is in."""

import json
from collections.abc import Mapping
from typing import Any

from farm.comfyui.workflow.api_format import is_api_format, read_api_format
from farm.comfyui.workflow.flatten import flatten
from farm.comfyui.workflow.graph import Graph, NotAWorkflow
from farm.comfyui.workflow.ui_format import read_ui_format


def read_workflow(text: str) -> Graph:
    """The graph that ComfyUI would run. Raises NotAWorkflow."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotAWorkflow(f"This is no workflow: it is not JSON ({error}).") from None
    if not isinstance(document, dict):
        raise NotAWorkflow("This is no workflow: it is JSON, but no object.")
    return resolve(document)


def resolve(document: Mapping[str, Any]) -> Graph:
    """The same of a document that is read already. Raises NotAWorkflow."""
    try:
        return _resolved(document)
    except RecursionError:
        raise NotAWorkflow("Its parts lie too deeply in each other, or its links lead through too much.") from None


def _resolved(document: Mapping[str, Any]) -> Graph:
    prompt = document.get("prompt")
    if isinstance(prompt, dict) and is_api_format(prompt):  # the body of POST /prompt
        document = prompt
    if is_api_format(document):
        return read_api_format(document)
    if "nodes" in document:
        return flatten(read_ui_format(document))
    raise NotAWorkflow
