"""mosec: a stage that renders (8 or 20 ms) and one that stores, in processes of their own."""

from typing import Any

from mosec import Server, Worker

from tests.benchmarks.peers.apps.pipeline import alike
from tests.benchmarks.peers.apps.storing import Storing, pipeline


class Render(Worker):
    """The pipeline."""

    def __init__(self) -> None:
        self.books, self.pipeline = Storing().books, pipeline()

    def forward(self, data: list[Any]) -> list[Any]:
        """Pixels of each."""
        made = {}
        for batch in alike(data):
            self.books.begin(batch)
            made |= {picture["id"]: pixels for picture, pixels in zip(batch, self.pipeline.render(batch), strict=True)}
        return [(picture, made[picture["id"]]) for picture in data]


class Keep(Worker):
    """The bucket and the books."""

    def __init__(self) -> None:
        self.storing = Storing()

    def forward(self, data: list[Any]) -> list[str]:
        """The ids."""
        return self.storing.keep([picture for picture, _ in data], [pixels for _, pixels in data])


if __name__ == "__main__":
    server = Server()
    server.append_worker(Render, num=1, max_batch_size=8, max_wait_time=20, timeout=600)
    server.append_worker(Keep, num=1, max_batch_size=8, max_wait_time=1, timeout=600)
    server.run()
