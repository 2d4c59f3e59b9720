"""A Celery worker with one diffusers pipeline and no farm: what `cold_start` compares with.

BENCH_REDIS_URL=… python -m tests.benchmarks.bare_celery: loads SANA-Sprint's demo weights as their page in diffusers'
documentation would, says `loaded`, and serves one task that makes a picture.
"""

import os
from pathlib import Path

from celery import Celery

from farm.broker import broker_url

TASK = "picture"
WEIGHTS = Path(__file__).parents[2] / "workers/demo_models/weights/sprint-demo"


def make_app(redis_url: str) -> Celery:
    """Celery as it is set up by default."""
    app = Celery("bare", broker=broker_url(redis_url))
    app.conf.update(worker_hijack_root_logger=False)
    return app


def main() -> None:
    """Serve until SIGTERM."""
    import torch
    from diffusers import SanaSprintPipeline

    torch.set_num_threads(1)
    pipeline = SanaSprintPipeline.from_pretrained(WEIGHTS)
    pipeline.set_progress_bar_config(disable=True)
    app = make_app(os.environ["BENCH_REDIS_URL"])

    def picture(prompt: str, steps: int, file: str) -> None:
        """One picture, whole once it has its name."""
        image = pipeline(prompt, width=64, height=64, num_inference_steps=steps, use_resolution_binning=False)[0][0]
        image.save(f"{file}.new", "PNG")
        Path(f"{file}.new").rename(file)

    app.task(name=TASK)(picture)
    print("loaded", flush=True)
    app.Worker(pool="solo", without_gossip=True, without_mingle=True, quiet=True).start()


if __name__ == "__main__":
    main()
