"""The server: what a language model may do with a farm, as tools over stdin and stdout.

It asks the HTTP API by FARM_URL and FARM_KEY, so it may do what the key may, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice
from typing import Annotated, Any

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from farm.client import FarmClient, FarmProblem, WaitTimeout
from farm.client.replies import Render
from farm.errors import FarmError
from farm.mcp.answers import ShownJob, ShownModel, ShownReason
from farm.mcp.render_picture import picture_of

INSTRUCTIONS = """\
A farm that renders pictures and clips with diffusion models. Ask `models` what there is, `submit` a job, `wait` for it
(again, as long as it has not ended), then `look` at what came out. `why` says what something waits for."""
#: Clients wait about a minute for an answer.
WAIT_SECONDS = 45
MOST_WAIT_SECONDS = 600
#: Pictures in one answer.
MOST_LOOKED_AT = 4
#: Renders of one submission: a job of thousands is no slip of a language model.
MOST_SEEDS = 100
_NOT_FOUND = 404  # HTTP
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)

Id = Annotated[str, Field(description="the id of a job or of a render")]
JobId = Annotated[str, Field(description="the id of a job, as submit answers it")]


def make_server() -> MCPServer[Any]:
    """The server with its tools; nothing is contacted before a tool is called."""
    server: MCPServer[Any] = MCPServer("latent-farm", instructions=INSTRUCTIONS, version=version("latent-farm"))
    for tool, hints in ((models, _READS), (submit, _CHANGES), (wait, _READS), (look, _READS), (why, _READS)):
        server.add_tool(tool, annotations=hints)
    return server


def models() -> list[ShownModel]:
    """List the models that may be asked for, with their sizes and defaults."""
    with _farm() as farm:
        served = {pool.model for pool in farm.pools()}
        return [ShownModel.of(model, model.name in served) for model in farm.models()]


def submit(
    model: Annotated[str, Field(description="a name that models lists")],
    prompt: Annotated[str, Field(description="what the picture or clip shows")],
    seed_count: Annotated[int, Field(ge=1, le=MOST_SEEDS, description="how many, each with a seed of its own")] = 1,
    parameters: Annotated[
        dict[str, Any] | None,
        Field(
            description="more fields of a job, such as width, height, num_inference_steps, guidance_scale, seeds, "
            "negative_prompt, num_frames or class_name; what is left out takes the model's default"
        ),
    ] = None,
) -> ShownJob:
    """Submit a job that renders pictures or clips. Answers at once; then wait for it."""
    fields = dict(parameters or {})
    if twice := fields.keys() & {"model", "prompt", "seed_count", "idempotency_key"}:
        raise ToolError(f"Give {', '.join(sorted(twice))} beside parameters, not in it.")
    if not fields.keys() & {"seed", "seeds"}:
        fields["seed_count"] = seed_count
    with _farm() as farm:
        return ShownJob.of(farm.submit(model, prompt, **fields))


def wait(
    job_id: JobId,
    seconds: Annotated[
        int, Field(ge=1, le=MOST_WAIT_SECONDS, description="answer after so long in any case")
    ] = WAIT_SECONDS,
) -> ShownJob:
    """Wait until a job has ended, or until so many seconds are over; `ended` says which. It goes on meanwhile."""
    with _farm() as farm:
        try:
            return ShownJob.of(farm.wait(job_id, timeout=seconds))
        except WaitTimeout:
            return ShownJob.of(farm.job(job_id))


def look(found_id: Id) -> list[str | Image]:
    """Look at what a render has made, or at the first done renders of a job: pictures, and of clips the first frame."""
    with _farm() as farm:
        shown: list[str | Image] = []
        for render in _done(farm, found_id):
            seed, prompt = render.parameters.get("seed"), render.parameters.get("prompt")
            shown += [f"render {render.id}: seed {seed}, prompt {prompt!r}"]
            shown += [Image(data=picture_of(farm, render), format="jpeg")]
        return shown or [f"Nothing of {found_id} is done yet; wait for it, or ask why."]


def why(found_id: Id) -> ShownReason:
    """Say why a job or a render waits, or what it does, and when it starts and ends."""
    with _farm() as farm:
        return ShownReason.of(farm.why_any(found_id))


def _done(farm: FarmClient, found_id: str) -> list[Render]:
    """The render of that id, or the first done ones of the job of that id."""
    try:
        return [farm.find_render(found_id)]
    except FarmProblem as problem:
        if problem.status != _NOT_FOUND:
            raise
    return list(islice((render for render in farm.renders(found_id) if render.status == "done"), MOST_LOOKED_AT))


@contextmanager
def _farm() -> Iterator[FarmClient]:
    """A client for one call; what the farm says against it becomes words that the model reads."""
    try:
        with FarmClient() as farm:
            yield farm
    except FarmError as error:
        raise ToolError(str(error)) from error
