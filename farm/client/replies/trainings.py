"""What the farm answers about trainings."""

from pydantic import Field

from farm.client.replies.base import Reply


class Training(Reply):
    """A training of a LoRA. `losses`: (step, loss) of some steps, so far; `adapter`: the LoRA's id, once it is done."""

    job_id: str
    render_id: str
    name: str
    model: str
    status: str
    step: int | None = None
    steps: int
    max_train_steps: int
    width: int = 0
    height: int = 0
    losses: list[tuple[int, float]] = Field([])
    adapter: str | None = None
    expert: str | None = None
    samples_url: str | None = None
    samples_poster_url: str | None = None
