"""A family that a package brings: its `check` gets the request's checks, and what it finds is answered as ours is."""

from importlib.metadata import EntryPoint
from typing import Any, Literal

import pytest

from farm.catalog import load_catalog
from farm.errors import InvalidRequest
from farm.params import RenderParameters, Resolved, check_and_resolve, families
from farm.params.checks.family_checks import FamilyChecks
from farm.params.families import Family
from farm.params.request.base import InputRef
from farm.settings import load_settings

CATALOG = load_catalog(load_settings(variables={}), {})
PICTURE = InputRef(id="a-picture", key="projects/p/inputs/a-picture.png", sha256="cd" * 32)


class PluginParameters(RenderParameters):
    """The parameters of a family that is not ours."""

    family: Literal["sana"] = "sana"
    negative_prompt: str = ""
    flow_shift: float | None = None
    complex_human_instruction: bool = True
    strength: float | None = None
    image: InputRef


def check(checks: FamilyChecks) -> dict[str, Any]:
    """Every method that a family may call."""
    checks.refuse_given("fps", "this family makes no clips")
    checks.only_of_pictures("strength")
    checks.needs_picture("image", "starts from a picture")
    width, height = checks.size()
    guidance = checks.real("guidance_scale", *checks.entry.limits.guidance)
    steps = checks.whole("num_inference_steps", *checks.entry.limits.steps)
    if steps % 2:
        checks.refuse("num_inference_steps", f"must be even; seen {steps}")
    if checks.request.image is not None and checks.uploaded(checks.request.image):
        checks.tell("image", "is looked at first")
    return {
        "width": width,
        "height": height,
        "guidance_scale": guidance,
        "num_inference_steps": steps,
        "negative_prompt": checks.negative_prompt(guidance),
        "complex_human_instruction": checks.instruction(),
        "sampler": checks.sampler(),
        "flow_shift": checks.flow_shift(width, height),
        "strength": checks.real("strength", 0.0, 1.0),
        "image": checks.picture("image"),
    }


FAMILY = Family(PluginParameters, check)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The family comes as an entry point and no longer from us."""
    point = EntryPoint("sana", f"{__name__}:FAMILY", families.ENTRY_POINTS)
    monkeypatch.setattr(point.__class__, "load", lambda _: FAMILY)
    monkeypatch.setattr(families, "entry_points", lambda **_: [point])
    monkeypatch.delitem(families.FAMILIES, "sana")  # type: ignore[arg-type]


def resolved(**fields: Any) -> Resolved:
    body = {"model": "sana-demo", "prompt": "a red circle", "image": PICTURE.id, "strength": 0.5, **fields}
    found = {PICTURE.id: PICTURE}.get
    return check_and_resolve(body, CATALOG, max_renders=10, draw_seed=lambda: 1, find_input=found)[1]


def test_it_renders_what_it_lets_in_and_tells_what_it_has_to_say() -> None:
    found = resolved(num_inference_steps=[4, 6])
    assert [render.num_inference_steps for render in found.renders] == [4, 6]
    assert all(isinstance(render, PluginParameters) and render.image == PICTURE for render in found.renders)
    assert found.notices == ["/image: is looked at first"]


def test_its_faults_and_ours_come_in_one_answer_each_at_its_place() -> None:
    with pytest.raises(InvalidRequest) as refused:
        resolved(num_inference_steps=[4, 5], strength=[0.5, 3.0], fps=8, sampler="eular", image="nobody")
    assert {fault.field for fault in refused.value.faults} == {
        "/num_inference_steps/1",
        "/strength/1",
        "/fps",
        "/sampler",
        "/image",
    }
    assert len(refused.value.faults) == 5
