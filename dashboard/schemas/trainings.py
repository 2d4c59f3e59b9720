"""Trainings of LoRAs."""

from pydantic import Field

from dashboard.schemas.base import Answer


class TrainingState(Answer):
    """A training: how far it is, and what it gave."""

    job_id: str
    render_id: str
    name: str = Field(description="Of the LoRA")
    model: str
    status: str = Field(description="Of its one render")
    step: int | None = Field(description="Passes so far, while it runs and progress is known; samples are among them")
    steps: int = Field(description="Passes in all")
    max_train_steps: int
    width: int = Field(description="Of the samples, in pixels")
    height: int
    losses: list[tuple[int, float]] = Field(
        description="(step, mean loss) at up to 500 places, each of the steps since the one before; while it runs "
        "those that its worker told last"
    )
    adapter: str | None = Field(description="The id of the LoRA among the inputs of the project, once it is done")
    expert: str | None = Field(description="Of a model with two, the one that learns: the LoRA is for it alone")
    samples_url: str | None = Field(description="A signed link to the sheet of samples that works for a limited time")
    samples_poster_url: str | None = Field(description="Where the samples are clips, a link to the first frame of that")
