"""Whether an engine can be forked as a worker asks for it: by a server of the same environment."""

from collections.abc import Mapping

#: What may differ between the server's environment and an engine's: what is read after the fork. Any other variable
#: may have been read by a library as it was imported.
_PREFIXES = ("FARM_", "CELERY_", "_MP_FORK_")  # Celery sets its own in a worker that serves
_READ_LATER = frozenset(
    {"CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "TMPDIR"}
    | {"PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "_"}  # the shell's
)


def differing_variables(mine: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """The variables that keep an engine from being forked here, because libraries may have read them."""
    names = (mine.keys() | wanted.keys()) - _READ_LATER
    return sorted(name for name in names if not name.startswith(_PREFIXES) and mine.get(name) != wanted.get(name))
