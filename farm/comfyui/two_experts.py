"""Two samplers that share the way, as ComfyUI drives the experts of Wan2.2: each with a file, the second goes on."""

from farm.comfyui.model_chain import ModelChain
from farm.comfyui.model_names import BOUNDARIES
from farm.comfyui.node_inputs import Reading
from farm.comfyui.workflow.graph import Node
from farm.params.request.base import HIGH_NOISE, LOW_NOISE, Expert

#: So far from the graph's, as a share of the steps, the farm may change from one expert to the other.
_NEAR = 0.1


def shares_the_way(reading: Reading, first: Node, second: Node) -> bool:
    """Whether two samplers are one from noise to picture; what is in the way of it is a fault.

    Both must take the same steps, and the second begin where the first ended, without noise of its own.
    """
    begins, changes, steps = _numbers(reading, first)
    goes_on, ends, of = _numbers(reading, second)
    if None in (begins, changes, steps, goes_on, ends, of):
        return False
    assert begins is not None and changes is not None and ends is not None and steps is not None  # noqa: PT018
    texts = {
        name: [reading.value(node, name, str) for node in (first, second)]
        for name in ("add_noise", "return_with_leftover_noise", "sampler_name", "scheduler")
    }
    noise, rest = texts["add_noise"], texts["return_with_leftover_noise"]
    prompts = [[reading.source(node, name) for name in ("positive", "negative")] for node in (first, second)]
    whole = begins <= 0 and changes == goes_on and steps == of and ends >= steps
    if whole and noise == ["enable", "disable"] and rest == ["enable", "disable"]:
        alike = {name: texts[name][0] == texts[name][1] for name in ("sampler_name", "scheduler")}
        alike["prompts"] = prompts[0] == prompts[1]
        for name, same in alike.items():
            if not same:
                reading.report.refuse(second, f"its {name} are not those of {first}, whose way it shares")
        return all(alike.values())
    reading.report.refuse(
        second,
        f"takes steps {goes_on} to {min(ends, steps)} of {of} behind {first}: together that is not one whole way",
    )
    return False


def join_experts(reading: Reading, first: ModelChain, second: ModelChain, switch: Node) -> ModelChain:
    """One model of two experts; adapters of both alike are put on once, others on their expert."""
    if "model" not in reading.report.settled:
        for chain, expert in ((first, HIGH_NOISE), (second, LOW_NOISE)):
            if chain.model is not None and chain.loader is not None and chain.expert != expert:
                reading.report.refuse(chain.loader, f"is not the {expert} expert of a model with two", "model")
        if first.model != second.model and second.loader is not None:
            reading.report.refuse(second.loader, f"is of another model than {first.loader}", "model")
    if first.flow_shift != second.flow_shift:
        shifts = f"{first.flow_shift} and {second.flow_shift}"
        reading.report.refuse(switch, f"the experts have different shifts ({shifts}); the farm has one", "flow_shift")
    firsts = {(name, weight): node for node, name, weight, _ in first.adapters}
    both = [each for each in second.adapters if each[1:3] in firsts]
    joined: list[tuple[Node, str, float, Expert | None]] = [(*each[:3], None) for each in both]
    joined += [(*each[:3], HIGH_NOISE) for each in first.adapters if each[1:3] not in {one[1:3] for one in both}]
    joined += [(*each[:3], LOW_NOISE) for each in second.adapters if each not in both]
    first.adapters, first.expert = joined, None
    _compare_boundary(reading, first, switch)
    return first


def _compare_boundary(reading: Reading, chain: ModelChain, switch: Node) -> None:
    """The farm changes where the model's own boundary lies: near to the graph's step is a note, elsewhere a fault."""
    _, asked, steps = _numbers(reading, switch)
    boundary = BOUNDARIES.get(chain.model or "")
    if "model" in reading.report.settled or boundary is None or chain.flow_shift is None or not asked or not steps:
        reading.report.notice(switch, "the farm changes from one expert to the other at the model's own boundary")
        return
    ours = boundary_step(steps, chain.flow_shift, boundary)
    if ours == asked:
        reading.report.took(switch, f"the change of experts at step {asked} of {steps}")
    elif abs(ours - asked) <= max(1.0, _NEAR * steps):
        reading.report.notice(
            switch,
            f"ComfyUI changes from one expert to the other at step {asked} of {steps}, the farm at {ours}, "
            f"where the boundary of {chain.model} lies",
        )
    else:
        reading.report.refuse(
            switch,
            f"ComfyUI changes from one expert to the other at step {asked} of {steps}, the farm at {ours}, "
            f"where the boundary of {chain.model} lies: change there",
        )


def boundary_step(steps: int, shift: float, boundary: float) -> int:
    """The first step whose noise is below the boundary, from 0: sigma(t) = shift t / (1 + (shift - 1) t), t = 1 - i/n.

    The even way from 1 to 0, moved by the shift, as flow matching schedulers of diffusers have it.
    """
    for step in range(steps):
        left = 1 - step / steps
        if shift * left / (1 + (shift - 1) * left) < boundary:
            return step
    return steps


def _numbers(reading: Reading, node: Node) -> tuple[int | None, int | None, int | None]:
    """Where a sampler begins, where it ends, and of how many steps."""
    start, end, steps = (reading.value(node, name, int) for name in ("start_at_step", "end_at_step", "steps"))
    return start, end, steps
