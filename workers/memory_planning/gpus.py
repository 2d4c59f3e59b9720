"""GPUs as they are written on the command line: '2x24GB', '80GB', '1x48GB,2x24GB'."""

import re

from farm.errors import Fault, InvalidRequest

_GPUS = re.compile(r"(?:(\d{1,3})\s*x\s*)?(\d{1,4}(?:\.\d{1,3})?)\s*(GB|GiB)", re.IGNORECASE)
_UNITS = {"gb": 10**9, "gib": 2**30}


def parse_gpus(text: str) -> list[int]:
    """The bytes of each GPU, the largest first. Raises InvalidRequest."""
    sizes: list[int] = []
    for piece in text.split(","):
        found = _GPUS.fullmatch(piece.strip())
        if found is None:
            fault = Fault("--gpus", f"must look like 2x24GB, 80GB or 1x48GB,2x24GB; seen {piece.strip()[:80]!r}")
            raise InvalidRequest([fault], "These are no GPUs that can be planned for.")
        count, size, unit = found.groups()
        sizes += [round(float(size) * _UNITS[unit.lower()])] * int(count or 1)
    if not sizes or len(sizes) > 64 or min(sizes) == 0:
        fault = Fault("--gpus", f"must be 1 to 64 GPUs that have memory; seen {text[:80]!r}")
        raise InvalidRequest([fault], "These are no GPUs that can be planned for.")
    return sorted(sizes, reverse=True)
