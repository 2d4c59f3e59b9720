"""The GPUs of this machine, as the driver's own `nvidia-smi` sees them: torch is not needed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from farm.doctor.findings import Finding, Level
from farm.settings import Settings

PART = "gpu"
FIELDS = ("index", "name", "driver_version", "memory.total", "memory.used", "temperature.gpu")
#: A driver that is broken lets it hang.
SECONDS = 20.0
#: A GPU of which others use so much of its memory has little room for a model.
TAKEN = 0.5


def check(settings: Settings) -> Iterator[Finding]:
    """Ask the driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        yield _no_gpu()
        return
    try:
        asked = subprocess.run(
            [program, f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield Finding(PART, Level.FAIL, f"nvidia-smi says nothing for {SECONDS:g} s.", "Restart the node.")
        return
    if asked.returncode:
        words = " ".join((asked.stdout + asked.stderr).split())
        yield Finding(
            PART, Level.FAIL, f"nvidia-smi fails: {words}", "Mend the driver, until `nvidia-smi` lists the GPUs."
        )
        return
    rows = [[cell.strip() for cell in line.split(",")] for line in asked.stdout.splitlines() if line.strip()]
    for row in rows:
        yield _gpu(row)
    if rows:
        yield from _torch()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if rows and visible is not None:
        yield Finding(PART, Level.OK, f"CUDA_VISIBLE_DEVICES lets processes see {visible or 'none'} of them.")


def _no_gpu() -> Finding:
    """Right for most of a farm, but where torch is built for GPUs: its builds for CUDA bring Triton, others do not."""
    try:
        torch, _ = version("torch"), version("triton")
    except PackageNotFoundError:
        return Finding(PART, Level.OK, "No GPU of NVIDIA's here: right for a scheduler or a dashboard.")
    words = f"No GPU of NVIDIA's is seen here, and torch {torch} is a build for GPUs."
    return Finding(
        PART, Level.WARN, words, "Start the container with GPUs (docker run --gpus all), or install the driver."
    )


def _gpu(row: list[str]) -> Finding:
    """One line of nvidia-smi; a figure that the GPU does not tell reads '[N/A]'."""
    facts = dict(zip(FIELDS, row, strict=False))
    name = f"GPU {facts.get('index')}: {facts.get('name')}, driver {facts.get('driver_version')}"
    try:
        total, used = float(facts["memory.total"]), float(facts["memory.used"])
    except (KeyError, ValueError):
        return Finding(PART, Level.OK, f"{name}.")
    words = f"{name}, {used / 1024:,.1f} of {total / 1024:,.1f} GiB used, {facts.get('temperature.gpu')} °C."
    if used > TAKEN * total:
        return Finding(PART, Level.WARN, words, "See with nvidia-smi who uses it: workers of this farm, or others.")
    return Finding(PART, Level.OK, words)


def _torch() -> Iterator[Finding]:
    """Whether the installed torch can use it, as far as its version tells."""
    try:
        found = version("torch")
    except PackageNotFoundError:
        return
    if found.endswith("+cpu"):
        words = f"torch {found} is a build for CPUs: workers here would not use the GPU."
        yield Finding(PART, Level.FAIL, words, "Install the build of torch for your driver: https://pytorch.org")
    else:
        yield Finding(PART, Level.OK, f"torch {found} is installed.")
