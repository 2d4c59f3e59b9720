"""Streams: jobs whose renders come in row by row, in chunks, so that anybody can go on after a crash.

`framing` cuts bytes into records, `records` reads them, `seeds` draws, `opening` makes the job and tells how far it
is, `adding` admits a chunk, `sealing` ends it, `streaming` puts them together.
"""

from scheduler.intake.opening import Position, open_intake, read_position, resume
from scheduler.intake.sealing import seal, stop
from scheduler.intake.streaming import StreamFault, Taken, take_in

__all__ = ["Position", "StreamFault", "Taken", "open_intake", "read_position", "resume", "seal", "stop", "take_in"]
