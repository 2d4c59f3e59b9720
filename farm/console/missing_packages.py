"""What to install where a package is missing: the extra that brings it, as the farm's own metadata says."""

import re
from importlib.metadata import PackageNotFoundError, requires

from farm.errors import CommandNotInstalled

FARM = "latent-farm"
#: These bring what others have: the one that names only what is missing is meant.
GATHERED = ("all", "dev")
_EXTRA = re.compile(r"extra == ['\"]([\w-]+)['\"]")


def not_installed(error: ImportError, command: str | None = None) -> CommandNotInstalled:
    """The error for people: what is missing, and what brings it."""
    what = f"`farm {command}` needs what" if command else "What this needs"
    brings = f"`pip install '{FARM}[{extra_with(error.name or '')}]'` brings it."
    return CommandNotInstalled(f"{what} is not installed here: {error}. {brings}")


def extra_with(module: str) -> str:
    """The extra with the package of this name, by the first word of the module's; `all` where no other has it."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    try:
        told = [Requirement(line) for line in requires(FARM) or []]
    except PackageNotFoundError:
        return "all"
    package = canonicalize_name(module.partition(".")[0])
    extras = {
        extra
        for one in told
        if canonicalize_name(one.name) == package
        for extra in _EXTRA.findall(str(one.marker))
        if extra not in GATHERED
    }
    return min(extras, default="all")
