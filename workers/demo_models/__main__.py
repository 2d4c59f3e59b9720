"""Train the demo models from nothing: `python -m workers.demo_models all`, or one stage at a time.

Stages build on each other: the autoencoder of pictures, sana, sprint (its student); the autoencoder of
clips, its decoder alone, wan. `wan-decoder` and `wan-longer` go on from the shipped wan-demo; `pair-autoencoder` and
`pairs` from the shipped sana-demo, to two shapes at 256 x 256. Each writes checkpoints to --folder and goes on from
them; the last step of a model's stage stores it under --weights.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

from workers.demo_models.stages import EXTRA_STAGES, STAGES, Workshop

WEIGHTS = Path(__file__).parent / "weights"


def main() -> None:
    """Parse the arguments and run the stages asked for, in order."""
    parser = argparse.ArgumentParser(prog="python -m workers.demo_models", description=__doc__)
    parser.add_argument("stage", choices=["all", *STAGES, *EXTRA_STAGES])
    parser.add_argument("--folder", type=Path, default=Path("build/demo-models"), help="checkpoints; kept out of git")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where finished models are stored")
    parser.add_argument("--seconds", type=float, help="CPU seconds instead of the stage's own budget")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="torch threads; one is best on a shared machine")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(arguments.folder, arguments.weights, arguments.seed, arguments.seconds)
    for name in STAGES if arguments.stage == "all" else [arguments.stage]:
        (STAGES | EXTRA_STAGES)[name](workshop)


if __name__ == "__main__":
    main()
