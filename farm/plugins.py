"""What installed packages bring for outputs, found by name among their entry points.

Request validation only looks at names, so a control node needs the package but not what it imports. An entry point
names a class or function without arguments that makes the plugin; a worker calls it once, when the plugin is needed
first.
"""

from enum import StrEnum
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from farm.did_you_mean import did_you_mean

#: How the reason of a render begins whose output the safety checker did not let through.
NOT_ALLOWED = "The output was not stored"
#: What is said of a render whose output was stored all the same, as the farm only marks.
MARKED = "The output is marked: {}."


class PluginKind(StrEnum):
    """The groups of entry points."""

    POST_PROCESSOR = "latent_farm.post_processors"
    SCORER = "latent_farm.scorers"
    SAFETY_CHECKER = "latent_farm.safety_checkers"

    @property
    def word(self) -> str:
        """What people call one of them."""
        return self.value.rpartition(".")[2].replace("_", "-" if self is PluginKind.POST_PROCESSOR else " ")[:-1]


class PluginMissing(LookupError):
    """No installed package brings it, or what it brings cannot be loaded; the message says what to do."""


@cache
def plugin_names(kind: PluginKind) -> tuple[str, ...]:
    """The plugins of a kind that are installed here, by name."""
    return tuple(sorted({point.name for point in entry_points(group=kind.value)}))


def missing(kind: PluginKind, name: str) -> str:
    """What to say of a name that nobody brings."""
    names = plugin_names(kind)
    known = did_you_mean(name, names) if names else f"install a package that has one (entry points {kind.value})"
    return f"no installed package brings the {kind.word} {name!r}; {known}"


@cache
def load_plugin(kind: PluginKind, name: str) -> Any:
    """The plugin, made once a process. Raises PluginMissing."""
    for point in entry_points(group=kind.value, name=name):
        try:
            return point.load()()
        except Exception as error:
            raise PluginMissing(f"the {kind.word} {name!r} ({point.value}) cannot be loaded: {error}") from error
    raise PluginMissing(missing(kind, name))


def plugin_version(kind: PluginKind, name: str) -> str:
    """'PACKAGE VERSION' of who brings a plugin, for manifests. Raises PluginMissing."""
    for point in entry_points(group=kind.value, name=name):
        if point.dist is not None:
            return f"{point.dist.name} {point.dist.version}"
    raise PluginMissing(missing(kind, name))
