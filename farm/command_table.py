"""The commands under `farm` that need nothing above this package: where each is, and its line of `farm --help`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """The module that adds a command with `register(app)`, imported when it is used, and what it does, in a line."""

    module: str
    summary: str


COMMANDS: Mapping[str, Command] = {
    "projects": Command(
        "farm.commands.operator.accounts",
        "Tenants: each has its part in the fair share.",
    ),
    "keys": Command(
        "farm.commands.operator.accounts",
        "API keys: make, list, revoke.",
    ),
    "audit": Command(
        "farm.commands.operator.audit",
        "List who did what to what, when, and from where; the newest first.",
    ),
    "backup": Command(
        "farm.commands.operator.backup",
        "The whole farm in one file, and a farm from that file.",
    ),
    "cancel": Command(
        "farm.commands.cancel",
        "Cancel what has not ended of these jobs, or of all that the options find; what is done stays.",
    ),
    "config": Command(
        "farm.commands.operator.config",
        "Check and show the settings and the model catalog.",
    ),
    "db": Command(
        "farm.commands.operator.db",
        "The schema of the job database.",
    ),
    "dead-letters": Command(
        "farm.commands.dead_letters",
        "List the renders that failed for good, or let them be tried again.",
    ),
    "delete": Command(
        "farm.commands.delete",
        "Have ended jobs removed with their files, a day later; `farm restore` keeps them until then.",
    ),
    "restore": Command(
        "farm.commands.delete",
        "Keep jobs that were deleted and are not removed yet.",
    ),
    "demo": Command(
        "farm.commands.operator.demo",
        "Start a farm here, render pictures and clips with the demo models, check them, and keep it running.",
    ),
    "demo-ui": Command(
        "farm.commands.bridges.demo_ui",
        "Serve a page to try the farm's models on, print where it is, and run until Ctrl-C or SIGTERM.",
    ),
    "doctor": Command(
        "farm.commands.operator.doctor",
        "Contact everything that this node needs, try it, and say what is wrong and what to do.",
    ),
    "download": Command(
        "farm.commands.outputs.download",
        "Fetch what a job has made so far, and print the paths. Files that are there and right are kept.",
    ),
    "drafts": Command(
        "farm.commands.drafts",
        "List the drafts of a job that wait for a choice; `farm download --kind draft` fetches what they show.",
    ),
    "keep": Command(
        "farm.commands.drafts",
        "Let drafts go on from their step. All must be of one job.",
    ),
    "drop": Command(
        "farm.commands.drafts",
        "Cancel drafts that nobody wants; what they show stays until their job is removed.",
    ),
    "gallery": Command(
        "farm.commands.outputs.gallery",
        "What all jobs have made: find it, rate and tag it, download it, delete it.",
    ),
    "boards": Command(
        "farm.commands.outputs.boards",
        "Boards: named collections of renders, which all people of the project see.",
    ),
    "horde": Command(
        "farm.commands.bridges.horde",
        "Render for an AI Horde: pop its jobs, render them here, hand the pictures back; until Ctrl-C or SIGTERM.",
    ),
    "inputs": Command(
        "farm.commands.inputs",
        "Pictures and clips for renders to start from, and adapters (LoRA).",
    ),
    "job": Command(
        "farm.commands.job",
        "Show a job and its renders; with --json all of them, however many there are.",
    ),
    "jobs": Command(
        "farm.commands.jobs",
        "List the project's jobs, newest first. In a pipe: lines with tabs between the columns.",
    ),
    "mcp": Command(
        "farm.commands.bridges.mcp",
        "Serve the farm's tools for language models (MCP) on stdin and stdout, until the other side closes them.",
    ),
    "presets": Command(
        "farm.commands.presets",
        "What you keep of the Submit form; only you see it.",
    ),
    "pause": Command(
        "farm.commands.pause",
        "Let nothing more of it start; what runs ends.",
    ),
    "resume": Command(
        "farm.commands.pause",
        "Let what was paused go on.",
    ),
    "pools": Command(
        "farm.commands.pools",
        "List the pools with their workers, the wanted number of them, the price, and the last decision.",
    ),
    "reclass": Command(
        "farm.commands.queue",
        "Give what waits of a job another class; what runs ends where it is.",
    ),
    "reorder": Command(
        "farm.commands.queue",
        "Put a job elsewhere in its project's line for its model and class.",
    ),
    "move": Command(
        "farm.commands.queue",
        "Let another model render what waits of a job; refused where it would not render it as it was asked for.",
    ),
    "quota": Command(
        "farm.commands.queue",
        "Show what your project may have, and what it has.",
    ),
    "score": Command(
        "farm.commands.outputs.score",
        "Have finished outputs scored, then list them, the best first. Without --with: list the scorers.",
    ),
    "share-links": Command(
        "farm.commands.outputs.share_links",
        "Show a picture, a job's outputs or a board to people who have no account, for a while.",
    ),
    "sheet": Command(
        "farm.commands.outputs.sheet",
        "Put what a job has made so far on one sheet, and print its path. Pictures are never enlarged.",
    ),
    "show": Command(
        "farm.commands.outputs.show",
        "Draw a render, or the first of a job, in this terminal; of clips the poster.",
    ),
    "storage": Command(
        "farm.commands.operator.storage",
        "The bucket of all files.",
    ),
    "submit": Command(
        "farm.commands.submit",
        "Submit a job: every prompt with every seed. Prints the job's id, then the files with --download.",
    ),
    "top": Command(
        "farm.commands.top",
        "Watch a farm live in this terminal: its pools, its workers, and what the project has under way.",
    ),
    "train": Command(
        "farm.commands.train",
        "Train a LoRA of a model from captioned pictures or clips. Prints the job's id; with --wait, then the LoRA's.",
    ),
    "up": Command(
        "farm.commands.operator.up",
        "Start a farm on this machine, print where it is, and run it until Ctrl-C or SIGTERM.",
    ),
    "usage": Command(
        "farm.commands.usage",
        "List what the project used by day and pool, the newest day first: renders, GPU-seconds, money, energy.",
    ),
    "users": Command(
        "farm.commands.operator.users",
        "People who sign in to the dashboard.",
    ),
    "whoami": Command(
        "farm.commands.whoami",
        "Say whom the key speaks for: the project, the person, the role.",
    ),
    "members": Command(
        "farm.commands.whoami",
        "List the people of a project; without a name of your own.",
    ),
    "webhooks": Command(
        "farm.commands.webhooks",
        "Addresses of yours that are told when jobs end.",
    ),
    "why": Command(
        "farm.commands.why",
        "Say why a job or a render waits, or what it does, and when it starts and ends.",
    ),
    "workers": Command(
        "farm.commands.workers",
        "List the workers that the farm has seen lately.",
    ),
}
