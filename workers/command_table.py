"""The worker's commands under `farm`."""

from collections.abc import Mapping

from farm.command_table import Command

COMMANDS: Mapping[str, Command] = {
    "worker": Command(
        "workers.commands",
        "Serve one pool: load its model, keep it resident, render what is pending until told to stop.",
    ),
    "rerender": Command(
        "workers.commands",
        "Render a manifest again on this machine, at its recorded batch sizes; exit 1 if other pixels come out.",
    ),
    "verify": Command(
        "workers.verification.command",
        "Make a render again on this machine from its manifest, alone and at its recorded batch sizes, and compare.",
    ),
    "fid": Command(
        "workers.scoring.set_command",
        "Print FID and KID of a job's pictures, or of the gallery's, against others; smaller is nearer.",
    ),
    "scorer": Command(
        "workers.scoring.command",
        "Score outputs, as `farm score`, pages and best-of-n ask for it, until told to stop.",
    ),
    "plan": Command(
        "workers.memory_planning.command",
        "Say what fits where, with the sums, without weights, GPU or network; exit 1 if nothing does.",
    ),
    "models": Command(
        "workers.model_files.command",
        "The models of the catalog and their files on this machine.",
    ),
}
