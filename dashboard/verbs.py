"""The dashboard's verb of the command `farm`."""

from collections.abc import Mapping

from farm.verbs import Verb

VERBS: Mapping[str, Verb] = {
    "dashboard": Verb(
        "dashboard.commands",
        "Serve the web pages and the HTTP API.",
    ),
}
