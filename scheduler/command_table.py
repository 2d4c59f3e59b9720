"""The scheduler's commands under `farm`."""

from collections.abc import Mapping

from farm.command_table import Command

COMMANDS: Mapping[str, Command] = {
    "scheduler": Command(
        "scheduler.commands",
        "Supervise the farm until told to stop: take back lost work, ring again, retire lost workers.",
    ),
    "simulate": Command(
        "scheduler.simulate.commands",
        "Play a trace on a virtual fleet: who waits how long, how fair it is, what it costs. Needs no running farm.",
    ),
    "gc": Command(
        "scheduler.maintenance.old_files.commands",
        "Remove files that no row and no job at work knows, from the bucket and from this machine.",
    ),
    "project": Command(
        "scheduler.accounting.commands",
        "One project: its weight, quotas and budget.",
    ),
}
