"""Why a render failed, in plain words: what happened, what helps, and the name of the file that is at fault."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from dashboard.schemas import Render
from farm.lifecycle import RenderStatus
from farm.params.pictures import stored_pictures
from farm.sentences import Sentence, sentence
from farm.tables import Input

#: Python's name of an error, which tells people nothing: 'ValueError: ', 'torch.OutOfMemoryError: '.
_ERROR = re.compile(r"\b(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Refused|Unfit|Missing)\b: ")
#: What reasons hold, and what it means for the person who waits for the picture; the first that fits.
_MEANINGS: tuple[tuple[str, Sentence], ...] = (
    (
        "out of memory",
        sentence("It needs more GPU memory than the worker has. Ask for a smaller size or fewer frames."),
    ),
    (
        "NaN",
        sentence("The model's output was no picture (not a number). Another seed or a lower guidance often helps."),
    ),
    (
        "worker was lost",
        sentence("Its worker stopped each time it rendered this. Try again, or ask an operator to look at it."),
    ),
    (
        "cannot be read",
        sentence("A file that it starts from cannot be read. Upload it again, then submit the job anew."),
    ),
    ("does not fit this model", sentence("The adapter was made for another model. Choose one that fits.")),
    ("takes no LoRA", sentence("The model, or this pool, takes no adapters. Submit it without.")),
    ("could not be stored", sentence("The output could not be stored. Try again when the object storage answers.")),
    ("could not be encoded", sentence("The picture was made, but its file could not be written. Try another format.")),
    ("could not be finished", sentence("The picture was made, but a post-processor or scorer failed on it.")),
    ("spool folder", sentence("The worker's disk is full or cannot be written to. Tell an operator, then try again.")),
)
_OTHERWISE = sentence("Something went wrong while it was rendered.")


@dataclass(frozen=True)
class Failure:
    """`meaning`: in plain words. `reason`: as the worker said it, with files by their names."""

    meaning: Sentence
    reason: str
    files: Sequence[str]  # names of the files that the reason speaks of


def failure_meaning(reason: str) -> Sentence:
    """What a reason means, in plain words."""
    return failure_of(reason, {}, {}).meaning


def explain(connection: Connection, project_id: str, renders: Sequence[Render]) -> dict[str, Failure]:
    """The failures among these renders of a project, by id; in one statement, and none where nothing failed."""
    failed = [render for render in renders if render.status == RenderStatus.FAILED.value]
    uploads = {picture.id for render in failed for picture in stored_pictures(render.parameters).values()}
    uploads |= {adapter["name"] for render in failed for adapter in render.parameters.get("loras") or ()}
    names: dict[str, str] = {}
    if uploads:
        rows = connection.execute(
            select(Input.id, Input.name).where(Input.project_id == project_id, Input.id.in_(uploads))
        )
        names = {row.id: row.name for row in rows}
    return {render.id: failure_of(render.reason or "", render.parameters, names) for render in failed}


def failure_of(reason: str, parameters: Mapping[str, Any], names: Mapping[str, str]) -> Failure:
    """What a reason means. `names`: of uploaded files, by id."""
    said = _ERROR.sub("", reason)
    files = []
    for field, picture in stored_pictures(parameters).items():
        if f"'{field}'" in said or picture.id in said:
            files.append(names.get(picture.id, field))
            said = said.replace(picture.id, files[-1])
    for adapter in parameters.get("loras") or ():
        if adapter["name"] in said:
            files.append(names.get(adapter["name"]) or adapter.get("file") or adapter["name"])
            said = said.replace(adapter["name"], files[-1])
    meaning = next((meaning for part, meaning in _MEANINGS if part.lower() in said.lower()), _OTHERWISE)
    return Failure(meaning, said, files)
