"""LitServe: batches of 8 or 20 ms, one worker; a batch's uploads go side by side."""

import sys
from typing import Any

import litserve
import litserve.server
from fastapi import Request

from tests.benchmarks.peers.apps.pipeline import alike
from tests.benchmarks.peers.apps.storing import Storing, pipeline


class Rendering(litserve.LitAPI):
    """The pipeline behind LitServe's batching."""

    def setup(self, device: object) -> None:
        """In the process that renders."""
        self.storing, self.pipeline = Storing(), pipeline()

    def decode_request(self, request: Request) -> Any:
        """A picture as it came."""
        return request

    def batch(self, inputs: list[Any]) -> list[Any]:
        """They need not be alike."""
        return inputs

    def predict(self, pictures: list[Any]) -> list[str]:
        """What came within the window."""
        for batch in alike(pictures):
            self.storing.books.begin(batch)
            self.storing.keep(batch, self.pipeline.render(batch))
        return [picture["id"] for picture in pictures]

    def unbatch(self, output: list[str]) -> list[str]:
        """One answer each."""
        return output

    def encode_response(self, output: str) -> dict[str, str]:
        """The id."""
        return {"id": output}


if __name__ == "__main__":
    # It asks for 'mcp', which the farm has installed, and then needs 'fastmcp' (0.2.19).
    litserve.server._MCP_AVAILABLE = False
    api = Rendering(max_batch_size=8, batch_timeout=0.02)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=False)
    port = int(sys.argv[1])
    server.run(host="127.0.0.1", port=port, num_api_servers=1, generate_client_file=False, log_level="warning")
