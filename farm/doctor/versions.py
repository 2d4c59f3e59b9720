"""Python and the libraries, against what the farm declares to need."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from packaging.version import Version

from farm.doctor.findings import Finding, Level
from farm.settings import Settings

PART = "versions"
DISTRIBUTION = "latent-farm"
#: Named when all is well, where they are installed.
NOTABLE = ("celery", "SQLAlchemy", "redis", "boto3", "gunicorn", "torch", "diffusers", "transformers")


def check(settings: Settings) -> Iterator[Finding]:
    """Compare what is installed with the metadata of the farm's own distribution."""
    farm = version(DISTRIBUTION)
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(PART, Level.OK, f"Latent Farm {farm}, {python}.")
    wrong = [fault for text in requires(DISTRIBUTION) or [] if (fault := _fault(Requirement(text)))]
    for fault in wrong:
        yield Finding(PART, Level.FAIL, fault, "pip install --upgrade latent-farm, with the extras of this node")
    if not wrong:
        found = [f"{name} {there}" for name in NOTABLE if (there := _installed(name))]
        yield Finding(PART, Level.OK, f"The libraries are of the versions that the farm needs: {', '.join(found)}.")


def _fault(needed: Requirement) -> str | None:
    """What is wrong with a library; one of an extra may be absent."""
    extra = needed.marker is not None and not needed.marker.evaluate({"extra": ""})
    there = _installed(needed.name)
    if there is None:
        return None if extra else f"{needed.name} is not installed."
    if Version(there) not in needed.specifier and not needed.specifier.contains(there, prereleases=True):
        return f"{needed.name} {there} is installed; the farm needs {needed.specifier}."
    return None


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
