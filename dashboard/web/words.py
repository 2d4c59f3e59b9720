"""How states and amounts are called on the pages."""

from collections.abc import Mapping
from typing import Any

from dashboard.schemas import Job, Render
from farm.lifecycle import JobStatus, Phase, RenderStatus
from farm.params.request.declared import SWEPT


def job_state(job: Job) -> str:
    """The one word for a job: its status, or whether an open one renders or waits."""
    if job.status == JobStatus.OPEN:
        return "rendering" if job.running else "waiting"
    if job.status == JobStatus.PARTIAL:
        return "partly done"
    return job.status.value


def render_state(render: Render) -> str:
    """The one word for a render."""
    if render.status == RenderStatus.PENDING:
        return "waiting"
    if render.status == RenderStatus.RUNNING:
        words = {
            Phase.CLAIMED: "starting",
            Phase.ENCODING: "reading the prompt",
            Phase.STEPPING: "rendering",
            Phase.PARKED: "parked",
            Phase.FINISHING: "finishing",
        }
        return words.get(render.phase, "rendering") if render.phase else "rendering"
    if render.status == RenderStatus.DRAFTED:
        return f"draft of step {render.parameters.get('stop_at_step')}"
    return render.status.value


def best_of(parameters: Mapping[str, Any]) -> str:
    """Which renders of a prompt keep their output: 'the best of 4', 'the best 2 of 4'; '' where nobody chooses."""
    keep = parameters.get("keep_best")
    if not keep:
        return ""
    return f"the best{'' if keep == 1 else f' {keep}'} of {parameters['best_of']}"


def status_words(render: Render) -> str:
    """Whether a render is one of the best of its prompt: 'not among the best 2 of 4'; '' where nobody chooses."""
    best = best_of(render.parameters)
    if render.score is None or not best:
        return ""
    if render.kept is None:
        return f"{best} to be chosen when the job has ended"
    among = best if render.parameters["keep_best"] == 1 else f"among {best}"
    return among if render.kept else f"not {among}"


def varied(render: Render, request: Mapping[str, Any]) -> str:
    """What tells a render from the others of a sweep: 'guidance scale 3.5 · speed fast'; '' where nothing varies."""
    lists = (name for name in SWEPT if isinstance(request.get(name), list) and len(request[name]) > 1)
    return " · ".join(f"{name.replace('_', ' ')} {render.parameters.get(name)}" for name in lists)


def percent(part: int, whole: int) -> float:
    """How much of the whole a part is, 0 … 100."""
    return round(100 * part / whole, 2) if whole else 0.0


def size_in_bytes(size: int) -> str:
    """'512 B', '24 kB', '3.1 MB'."""
    if size < 1000:
        return f"{size} B"
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB"
    return f"{size / 1_000_000:.1f} MB"


def amount(money: float) -> str:
    """Money with two places, or with two figures where that would be nothing: '12.30', '0.0012'."""
    return f"{money:,.2f}" if money >= 0.1 else f"{money:.2g}"


def energy(watt_hours: float) -> str:
    """'0.42 Wh', '1.3 kWh'."""
    return f"{watt_hours / 1000:,.1f} kWh" if watt_hours >= 1000 else f"{watt_hours:.3g} Wh"
