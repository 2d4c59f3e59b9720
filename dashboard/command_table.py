"""The dashboard's command under `farm`."""

from collections.abc import Mapping

from farm.command_table import Command

COMMANDS: Mapping[str, Command] = {
    "dashboard": Command(
        "dashboard.commands",
        "Serve the web pages and the HTTP API.",
    ),
}
