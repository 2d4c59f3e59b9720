"""Streams: jobs whose renders come in row by row, in chunks, so that anybody can go on after a crash.

`framing` cuts bytes into records, `records` reads them, `seeds` draws, `opening` makes the job and tells how far it
is, `adding` admits a chunk, `sealing` ends it, `streaming` puts them together.
"""

from scheduler.intake.open_stream import Position, open_intake, read_position, resume
from scheduler.intake.read_stream import StreamFault, Taken, take_in
from scheduler.intake.seal_stream import seal, stop

__all__ = ["Position", "StreamFault", "Taken", "open_intake", "read_position", "resume", "seal", "stop", "take_in"]
