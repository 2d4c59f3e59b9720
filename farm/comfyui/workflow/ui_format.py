"""The UI format (Export, Save): what the canvas shows. Only what decides what runs is read; the rest is left."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from farm.comfyui.workflow.graph import NotAWorkflow
from farm.errors import Fault, in_words

#: The ids by which links inside a subgraph name its own inputs and outputs.
INPUTS, OUTPUTS = "-10", "-20"
MUTED, BYPASSED = 2, 4


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class Socket(_Part):
    """An input or output of a node. `widget`: the widget of the same node that it stands in for."""

    name: str = ""
    type: Any = "*"
    link: int | None = None
    widget: dict[str, Any] | None = None


class CanvasNode(_Part):
    """A node as the canvas has it. `mode`: muted, bypassed, or anything else, which runs."""

    id: str
    type: str
    mode: int = 0
    title: str | None = None
    inputs: list[Socket] = []
    outputs: list[Socket] = []
    widgets_values: list[Any] | dict[str, Any] | None = None
    properties: dict[str, Any] = {}

    @field_validator("inputs", "outputs", "properties", mode="before")
    @classmethod
    def _left_out(cls, value: Any, about: Any) -> Any:
        return ({} if about.field_name == "properties" else []) if value is None else value


class CanvasLink(_Part):
    """From an output to an input. In the outermost graph links are written as lists."""

    id: int
    origin_id: str
    origin_slot: int
    target_id: str
    target_slot: int

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        return dict(zip(names, value, strict=False)) if isinstance(value, list) else value


class Boundary(_Part):
    """An input or output of a subgraph, with the links inside that lead from it or to it."""

    name: str = ""
    type: Any = "*"
    linkIds: list[int] = []


class Canvas(_Part):
    """Nodes and the links between them."""

    nodes: list[CanvasNode]
    links: list[CanvasLink] = []

    @field_validator("links", mode="before")
    @classmethod
    def _without_holes(cls, value: Any) -> Any:
        return [link for link in value or [] if link is not None] if isinstance(value, list | None) else value


class Subgraph(Canvas):
    """A graph that is used as a node, whose `type` is the subgraph's id."""

    id: str
    name: str = ""
    inputs: list[Boundary] = []
    outputs: list[Boundary] = []


class Definitions(_Part):
    """The subgraphs of a workflow, those inside others too."""

    subgraphs: list[Subgraph] = []


class Workflow(Canvas):
    """A whole file."""

    definitions: Definitions = Field(default_factory=Definitions)


def read_ui_format(document: Mapping[str, Any]) -> Workflow:
    """The workflow of a file. Raises NotAWorkflow with the place of each fault."""
    try:
        return Workflow.model_validate(document)
    except ValidationError as error:
        faults = [
            Fault("/" + "/".join(map(str, each["loc"])), in_words(each["msg"]))
            for each in error.errors(include_url=False)[:10]
        ]
        raise NotAWorkflow("This is no workflow that ComfyUI exports:", faults) from None
