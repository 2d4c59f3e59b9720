"""The worker's verbs of the command `farm`."""

from collections.abc import Mapping

from farm.verbs import Verb

VERBS: Mapping[str, Verb] = {
    "worker": Verb(
        "workers.commands",
        "Serve one pool: load its model, keep it resident, render what is pending until told to stop.",
    ),
    "rerender": Verb(
        "workers.commands",
        "Render a manifest again on this machine, at its recorded batch sizes; exit 1 if other pixels come out.",
    ),
    "verify": Verb(
        "workers.verification.command",
        "Make a render again on this machine from its manifest, alone and at its recorded batch sizes, and compare.",
    ),
    "fid": Verb(
        "workers.scoring.set_command",
        "Print FID and KID of a job's pictures against others, computed on this machine; smaller is nearer.",
    ),
    "scorer": Verb(
        "workers.scoring.command",
        "Score outputs, as `farm score`, pages and best-of-n ask for it, until told to stop.",
    ),
    "plan": Verb(
        "workers.memory_planning.command",
        "Say what fits where, with the sums, without weights, GPU or network; exit 1 if nothing does.",
    ),
    "models": Verb(
        "workers.model_files.command",
        "The models of the catalog and their files on this machine.",
    ),
}
