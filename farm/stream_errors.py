"""Kinds of errors of streams of rows: a row that is refused, and a stream that takes no more."""

from collections.abc import Sequence
from typing import Any

from farm.errors import Conflict, Fault, InvalidRequest


class StreamFault(InvalidRequest):
    """A row of the stream was refused; all before it are admitted. Correct it and send the rest under the same key."""

    type = "stream-fault"
    title = "A row of the stream is refused"

    def __init__(
        self, faults: Sequence[Fault] = (), job_id: str = "", rows: int = 0, line: int = 1, byte: int = 0
    ) -> None:
        detail = (
            f"A row was refused. Rows before it that are admitted: {rows:,}. Go on at line {line:,} (byte {byte:,}): "
            "correct it, and send the corrected file, or the rest of it, under the same Idempotency-Key."
            if job_id
            else "The file was refused and nothing of it admitted; no job was made. Correct it and send it again."
        )
        super().__init__(faults, detail)
        self.job_id, self.rows, self.line, self.byte = job_id, rows, line, byte

    @property
    def members(self) -> dict[str, Any]:
        """The job, how many rows it has, and where in the source to go on: a line (from 1) and a byte (from 0).

        None when nothing was admitted: then there is no job.
        """
        if not self.job_id:
            return {}
        return {"job_id": self.job_id, "rows": self.rows, "next_line": self.line, "next_byte": self.byte}


class StreamEnded(Conflict):
    """The stream was ended before its last row, with its job, and takes no more; send the rows under a new key."""

    type = "stream-ended"
    title = "The stream was ended"
