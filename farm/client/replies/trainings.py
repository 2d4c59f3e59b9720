"""What the farm answers about trainings."""

from pydantic import Field

from farm.client.replies.base import Reply


class Training(Reply):
    """A training of a LoRA. `losses`: (step, loss) of some steps, once it is done; `adapter`: the LoRA's id."""

    job_id: str
    render_id: str
    name: str
    model: str
    status: str
    step: int | None = None
    steps: int
    max_train_steps: int
    losses: list[tuple[int, float]] = Field([])
    adapter: str | None = None
    samples_url: str | None = None
