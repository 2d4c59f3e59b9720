"""Trainings of LoRAs: begun, and how they are."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.files.inputs import Inputs
from farm.client.replies import Job, Training
from farm.client.requests.request_body import by_alias

#: Files, or ids of uploads, with their captions; as pairs, one may come several times.
Captioned: TypeAlias = Mapping[str | Path, str] | Sequence[tuple[str | Path, str]]


class Trainings(Inputs):
    """The trainings of the project."""

    _transport: Transport

    def train(
        self,
        /,
        model: str,
        name: str,
        pictures: Captioned = (),
        *,
        clips: Captioned = (),
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """Train a LoRA of a model from pictures and clips (a file or the id of an upload → its caption): uploads them,
        and submits a job.

        All other keywords are fields of `farm.params.training.request.TrainingRequest`; `validation_image` may be a
        file, too. When the job is done,
        :meth:`training` has the LoRA's id. Raises OSError when a file cannot be read, InvalidRequest for a number that
        JSON cannot say.
        """
        if first := fields.get("validation_image"):
            fields["validation_image"] = self._id_of(first)
        body = by_alias(fields) | {"model": model, "name": name}
        for field, file, captioned in (("pictures", "image", pictures), ("clips", "video", clips)):
            pairs = captioned.items() if isinstance(captioned, Mapping) else captioned
            if examples := [{file: self._id_of(example), "caption": caption} for example, caption in pairs]:
                body[field] = examples
        key = idempotency_key or str(uuid.uuid4())
        told = self._transport.submit(api_path("trainings"), body, key)
        job = told.get("job") if isinstance(told, dict) else None
        notices = told.get("notices") if isinstance(told, dict) else None
        return read_reply(Job, {**job, "notices": notices or []} if isinstance(job, dict) else told)

    def training(self, job_id: str) -> Training:
        """How a training is, by the id of its job."""
        return read_reply(Training, self._transport.get(api_path("trainings", job_id)))

    def _id_of(self, example: str | Path) -> str:
        return self.add_input(example).id if isinstance(example, Path) or Path(example).is_file() else example
