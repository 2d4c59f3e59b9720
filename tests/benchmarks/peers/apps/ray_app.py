"""Ray Serve: batches of 8 or 20 ms, one replica; uploads in threads, beside the next batch."""

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ray
from ray import serve

#: What the replica's process must know, too.
_PASSED = ("PEER_", "AWS_", "OMP_NUM_THREADS", "PYTHONPATH", "HF_HUB_OFFLINE")


@serve.deployment(num_replicas=1, max_ongoing_requests=1000, ray_actor_options={"num_cpus": 1})
class Rendering:
    """The pipeline in one thread, storing in others."""

    def __init__(self) -> None:
        from tests.benchmarks.peers.apps.storing import Storing, pipeline

        self.storing, self.pipeline = Storing(), pipeline()
        self.renderer, self.storers = ThreadPoolExecutor(1), ThreadPoolExecutor(4)

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.02)
    async def render(self, pictures: list[Any]) -> list[Any]:
        """Pixels of what came within the window."""
        return await asyncio.get_running_loop().run_in_executor(self.renderer, self._render, pictures)

    def _render(self, pictures: list[Any]) -> list[Any]:
        from tests.benchmarks.peers.apps.pipeline import alike

        made = {}
        for batch in alike(pictures):
            self.storing.books.begin(batch)
            made |= {picture["id"]: pixels for picture, pixels in zip(batch, self.pipeline.render(batch), strict=True)}
        return [made[picture["id"]] for picture in pictures]

    async def __call__(self, request: Any) -> list[str]:
        """One request, one picture."""
        picture = await request.json()
        pixels = await self.render(picture)
        return await asyncio.get_running_loop().run_in_executor(self.storers, self.storing.keep, [picture], [pixels])


if __name__ == "__main__":
    variables = {name: value for name, value in os.environ.items() if name.startswith(_PASSED)}
    ray.init(
        num_cpus=2,
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        _temp_dir=os.environ["PEER_RAY_FOLDER"],
        runtime_env={"env_vars": variables},
        log_to_driver=False,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Rendering.bind(), route_prefix="/")
    while True:
        time.sleep(60)
