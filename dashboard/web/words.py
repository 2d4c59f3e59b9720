"""How states and amounts are called on the pages."""

from collections.abc import Mapping
from typing import Any

from babel.numbers import format_decimal
from flask_babel import get_locale

from dashboard.grid.layout import Layout
from dashboard.schemas import Job, Render
from farm.lifecycle import JobStatus, Phase, RenderStatus
from farm.params.request.declared import SWEPT, declared_fields
from farm.sentences import Sentence, sentence

#: Words that pages get from elsewhere, for the catalogs: what one may filter by, states, outcomes of attempts, the
#: usual classes, roles and scopes, and values of a choice.
WORDS = (
    *(sentence("all"), sentence("active"), sentence("drafts"), sentence("done"), sentence("failed")),
    *(sentence("verifications"), sentence("deleted"), sentence("running")),
    *(sentence("waiting"), sentence("cancelled"), sentence("expired"), sentence("paused"), sentence("held")),
    *(sentence("drafted"), sentence("pending"), sentence("admitting"), sentence("open"), sentence("partial")),
    *(sentence("lost"), sentence("returned"), sentence("idle"), sentence("starting"), sentence("draining")),
    *(sentence("gone"), sentence("quarantined"), sentence("rendering"), sentence("partly done")),
    *(sentence("ended"), sentence("shut out"), sentence("enabled"), sentence("disabled"), sentence("delivered")),
    *(sentence("revoked"), sentence("viewer"), sentence("artist"), sentence("operator"), sentence("admin")),
    *(sentence("read"), sentence("submit"), sentence("operate"), sentence("let in"), sentence("valid")),
    *(sentence("api"), sentence("dashboard"), sentence("command")),
    *(sentence("urgent"), sentence("normal"), sentence("bulk"), sentence("quality"), sentence("fast")),
)
_PHASES = {
    Phase.CLAIMED: sentence("starting"),
    Phase.ENCODING: sentence("reading the prompt"),
    Phase.STEPPING: sentence("rendering"),
    Phase.PARKED: sentence("parked"),
    Phase.FINISHING: sentence("finishing"),
}
#: What the filters of the gallery are called, by their names in the address.
_FILTERS = {
    "text": sentence("Words of the prompt"),
    "favourite": sentence("Favourites"),
    "rating": sentence("Rating"),
    "board": sentence("Board"),
    "tag": sentence("Tags"),
    "model": sentence("Model"),
    "size": sentence("Size"),
    "sampler": sentence("Sampler"),
    "lora": sentence("LoRA"),
    "user": sentence("Person"),
    "scorer": sentence("Scorer"),
    "score": sentence("Score at least"),
    "since": sentence("Finished since"),
    "until": sentence("Finished until"),
    "deleted": sentence("Deleted today"),
    "verifications": sentence("Second renders"),
}


def job_state(job: Job) -> str:
    """The one word for a job: its status, the end it is brought to, or whether an open one renders or waits."""
    if job.ending is not None:
        return job.ending.value
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
        return _PHASES.get(Phase(render.phase), sentence("rendering")) if render.phase else sentence("rendering")
    if render.status == RenderStatus.DRAFTED:
        return sentence("draft of step %(step)s", step=render.parameters.get("stop_at_step"))
    return render.status.value


def filter_name(name: str) -> str:
    """What a filter of the gallery is called."""
    return _FILTERS[name]


def best_of(parameters: Mapping[str, Any]) -> str:
    """Which renders of a prompt keep their output: 'the best of 4', 'the best 2 of 4'; '' where nobody chooses."""
    keep = parameters.get("keep_best")
    if not keep:
        return ""
    if keep == 1:
        return sentence("the best of %(all)s", all=parameters["best_of"])
    return sentence("the best %(keep)s of %(all)s", keep=keep, all=parameters["best_of"])


def status_words(render: Render) -> str:
    """Whether a render is one of the best of its prompt: 'not among the best 2 of 4'; '' where nobody chooses."""
    best = best_of(render.parameters)
    if render.score is None or not best:
        return ""
    if render.kept is None:
        return sentence("%(best)s to be chosen when the job has ended", best=best)
    if render.parameters["keep_best"] == 1:
        return best if render.kept else sentence("not %(best)s", best=best)
    return sentence("among %(best)s", best=best) if render.kept else sentence("not among %(best)s", best=best)


def varied(render: Render, request: Mapping[str, Any]) -> list[Sentence]:
    """What tells a render from the others of a sweep: 'Guidance 3.5', 'Speed fast'; empty where nothing varies."""
    titles = declared_fields()
    return [
        sentence("%(parameter)s %(value)s", parameter=sentence(titles[name].title), value=render.parameters.get(name))
        for name in SWEPT
        if isinstance(request.get(name), list) and len(request[name]) > 1
    ]


def axes_words(shown: Layout) -> Sentence:
    """Which axis of a grid lies where."""
    x, y, z = (sentence(axis.title) if axis else None for axis in (shown.x, shown.y, shown.z))
    if z is not None:
        return sentence("%(x)s from left to right, %(y)s from top to bottom, %(z)s one below the other", x=x, y=y, z=z)
    if y is not None:
        return sentence("%(x)s from left to right, %(y)s from top to bottom", x=x, y=y)
    return sentence("%(x)s from left to right", x=x)


def percent(part: int, whole: int) -> float:
    """How much of the whole a part is, 0 … 100."""
    return round(100 * part / whole, 2) if whole else 0.0


def number(value: float) -> str:
    """A number as the reader's language writes it: '1,234', '1.234,5'."""
    locale = get_locale()
    return f"{value:,}" if locale is None or locale.language == "en" else format_decimal(value, locale=locale)


def size_in_bytes(size: int) -> str:
    """'512 B', '24 kB', '3.1 MB'."""
    if size < 1000:
        return f"{size} B"
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB"
    megabytes = round(size / 1_000_000, 1)
    return f"{number(int(megabytes) if megabytes.is_integer() else megabytes)} MB"


def amount(money: float) -> str:
    """Money with two places, or with two figures where that would be nothing: '12.30', '0.0012'."""
    return f"{money:,.2f}" if money >= 0.1 else f"{money:.2g}"


def energy(watt_hours: float) -> str:
    """'0.42 Wh', '1.3 kWh'."""
    return f"{watt_hours / 1000:,.1f} kWh" if watt_hours >= 1000 else f"{watt_hours:.3g} Wh"
