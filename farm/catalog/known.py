"""What a catalog entry may name: the samplers and families that this farm knows."""

from functools import cache
from importlib.metadata import entry_points

#: Families are found by entry point, so that a plugin brings one, and asked for by name only: the code needs torch.
FAMILY_ENTRY_POINTS = "latent_farm.families"

#: Sampler → what it is, for forms. Workers build them by these names.
SAMPLERS = {
    "dpm++-2m": "DPM-Solver++ 2M: second order, the usual choice for Sana",
    "dpm++-2m-sde": "DPM-Solver++ 2M SDE: adds fresh noise at each step, drawn from the seed",
    "dpm++-singlestep": "DPM-Solver++ single step, second order",
    "unipc": "UniPC: second order with a corrector, the usual choice for Wan",
    "euler": "Euler: first order, needs more steps",
    "heun": "Heun: second order, two passes for each step but the last",
    "ddim": "DDIM: under flow matching the same as Euler",
    "scm": "consistency sampler of SANA-Sprint",
}


@cache
def known_families() -> frozenset[str]:
    """The names of all installed families."""
    return frozenset(entry_point.name for entry_point in entry_points(group=FAMILY_ENTRY_POINTS))
