"""The texts of a file that somebody sent, read in a process of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.confined_process import Limits, run_confined
from farm.errors import Fault, InvalidRequest
from farm.sentences import sentence

#: Memory for the interpreter and its libraries (addresses, of which it uses a tenth), and for texts.
_MEMORY = 2_000_000_000
_READER = "farm.saved_parameters.extraction"


@dataclass(frozen=True)
class SavedTexts:
    """What a file says, each None where it does not say so: JSON of this farm, A1111's text, a graph of ComfyUI."""

    document: str | None = None
    infotext: str | None = None
    workflow: str | None = None


def read_saved(file: Path) -> SavedTexts:
    """What the file says of how it was made. Raises InvalidRequest where it says nothing of it, and Busy."""
    found: dict[str, Any] = run_confined(_READER, [str(file)], Limits(_MEMORY), sentence("the file"))
    if not found:
        told = sentence(
            "This file does not say how it was made. Outputs of this farm, of A1111 and of ComfyUI do, as they were "
            "saved; many sites and programs take it out."
        )
        raise InvalidRequest([Fault("", told)])
    return SavedTexts(**found)
