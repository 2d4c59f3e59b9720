"""Whatever is wrong in a file, it is said in words: no part of it, changed into anything, ends in a traceback."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import comfyui_workflow_templates_json
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.comfyui.translate import translate
from farm.comfyui.workflow.flatten import flatten
from farm.comfyui.workflow.graph import CannotRender, Link, NotAWorkflow
from farm.comfyui.workflow.ui_format import read_ui_format
from farm.comfyui.workflow.workflow_file import resolve

FOLDER = Path(comfyui_workflow_templates_json.__file__).parent / "templates"
NAMES = ("text_to_video_wan", "image_to_video_wan", "video_wan2_2_14B_t2v")
DOCUMENTS = {name: (FOLDER / f"{name}.json").read_text() for name in NAMES}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "x", "3", "-10", 10**30, [], {}]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "id", "type"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def as_api_format(name: str) -> dict[str, Any]:
    """The same graph as the browser would send it."""
    nodes = flatten(read_ui_format(json.loads(DOCUMENTS[name]))).nodes
    return {
        id_: {
            "class_type": node.kind,
            "inputs": {
                key: [value.node, value.slot] if isinstance(value, Link) else value
                for key, value in node.inputs.items()
            },
        }
        for id_, node in nodes.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_both_formats_of_a_graph_mean_the_same(name: str) -> None:
    found = []
    for document in (json.loads(DOCUMENTS[name]), as_api_format(name)):
        try:
            found.append(str(translate(resolve(document)).fields))
        except CannotRender as error:
            found.append(" ".join(fault.message.partition(" behind ")[0] for fault in error.faults))
    assert found[0] == found[1]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_no_change_of_a_file_ends_in_a_traceback(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    document = json.loads(DOCUMENTS[name]) if data.draw(st.booleans()) else as_api_format(name)
    for _ in range(data.draw(st.integers(1, 3))):
        _change(document, data)

    with suppress(NotAWorkflow, CannotRender):
        translate(resolve(document))


def _change(document: Any, data: st.DataObject) -> None:
    """Put anything in the place of some part, found by going down at random."""
    at = document
    while True:
        keys = list(range(len(at))) if isinstance(at, list) else list(at)
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], list | dict) or data.draw(st.integers(0, 5)) == 0:
            at[key] = data.draw(anything)
            return
        at = at[key]
