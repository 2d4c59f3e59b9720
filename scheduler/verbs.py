"""The scheduler's verbs of the command `farm`."""

from collections.abc import Mapping

from farm.verbs import Verb

VERBS: Mapping[str, Verb] = {
    "scheduler": Verb(
        "scheduler.commands",
        "Supervise the farm until told to stop: take back lost work, ring again, retire lost workers.",
    ),
    "simulate": Verb(
        "scheduler.simulate.commands",
        "Play a trace on a virtual fleet: who waits how long, how fair it is, what it costs. Needs no running farm.",
    ),
    "gc": Verb(
        "scheduler.maintenance.garbage.commands",
        "Remove files that no row and no job at work knows, from the bucket and from this machine.",
    ),
    "project": Verb(
        "scheduler.accounting.commands",
        "One project: its weight, quotas and budget.",
    ),
}
