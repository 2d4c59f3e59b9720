"""A training as people see it: how far it is, its losses, its LoRA."""

from sqlalchemy import select

from dashboard.context import farm
from dashboard.reads.ids import known_form, missing
from dashboard.reads.renders import artifacts_of
from dashboard.schemas import TrainingState
from farm.database import read
from farm.errors import NotFound, StorageDown
from farm.params.training.loss_curve import Curve, thinned
from farm.params.training.stored import Training
from farm.storage_keys import ArtifactKind
from farm.tables import Job, Render
from scheduler.uploads import find_trained


def find_training(project_id: str, job_id: str) -> TrainingState:
    """The training that is a job of this project. Raises NotFound, also for a job that trains nothing."""
    job_id = known_form("job", job_id)
    with read(farm().engine) as connection:
        row = connection.execute(
            select(Render.id, Render.status, Render.parameters, Job.model)
            .join(Job, Job.id == Render.job_id)
            .where(Render.job_id == job_id, Render.index == 0, Render.project_id == project_id)
        ).one_or_none()
        if row is None or "training" not in row.parameters:
            raise missing("training", job_id)
        files = {file.kind: file for file in artifacts_of(connection, [row.id]).get(row.id, [])}
        adapter = files.get(ArtifactKind.ADAPTER.value)
        trained = None if adapter is None else find_trained(connection, project_id, adapter.sha256)
    training = Training.model_validate(row.parameters["training"])
    moving = farm().progress.snapshot(job_id).get(row.id) if row.status == "running" else None
    losses, sheet = files.get(ArtifactKind.LOSSES.value), files.get(ArtifactKind.OUTPUT.value)
    poster = files.get(ArtifactKind.POSTER.value)
    return TrainingState(
        job_id=job_id,
        render_id=row.id,
        name=training.name,
        model=row.model,
        status=row.status,
        step=moving.step if moving else None,
        steps=training.passes,
        max_train_steps=training.max_train_steps,
        width=row.parameters["width"],
        height=row.parameters["height"],
        losses=farm().progress.losses(row.id) if losses is None else _losses(losses.key),
        adapter=trained,
        expert=training.expert,
        samples_url=None if sheet is None else farm().storage.link(sheet.key),
        samples_poster_url=None if poster is None else farm().storage.link(poster.key),
    )


def _losses(key: str) -> Curve:
    """Of the stored file; none while the object storage is away."""
    try:
        lines = farm().storage.get(key).decode().splitlines()[1:]
    except (NotFound, StorageDown):
        return []
    return thinned([float(line.partition(",")[2]) for line in lines])
