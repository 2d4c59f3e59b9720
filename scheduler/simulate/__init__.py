"""`farm simulate`: the farm's own scheduler under a virtual clock, with virtual workers, in memory.

    result = run(generate.poisson(2.0, 3600), one_pool("sana-demo", workers=4))

See docs/simulate.md.
"""

from scheduler.simulate.event_queue import Options
from scheduler.simulate.fleet import Faults, Fleet, Speed, VirtualPool, one_pool
from scheduler.simulate.ledger import LostOrDoubled
from scheduler.simulate.policies import FIFO, FIFO_BATCHES, OURS, POLICIES, QUEUE_LENGTH, Policy
from scheduler.simulate.results import Result, Sample, jain
from scheduler.simulate.run import run
from scheduler.simulate.trace import Arrival, Trace, read_trace, write_trace

__all__ = [
    "FIFO",
    "FIFO_BATCHES",
    "OURS",
    "POLICIES",
    "QUEUE_LENGTH",
    "Arrival",
    "Faults",
    "Fleet",
    "LostOrDoubled",
    "Options",
    "Policy",
    "Result",
    "Sample",
    "Speed",
    "Trace",
    "VirtualPool",
    "jain",
    "one_pool",
    "read_trace",
    "run",
    "write_trace",
]
