"""A worker without a model that draws the same again, with true manifests; or, if asked to, something else."""

import hashlib
import io
from collections.abc import Mapping

from PIL import Image

from farm.connections import Connections
from farm.manifest import Environment, Manifest, ModelFacts, OutputFacts, StepFacts
from scheduler.claims.claim_batch import ClaimedRender
from tests.dashboard.drawing import Drawer


class Repeater(Drawer):
    """`device` and `versions` are what its manifests say. `off`: each value it draws is so many levels brighter."""

    def __init__(
        self,
        connections: Connections,
        pool: str = "sana-demo-local",
        *,
        device: str = "cpu",
        versions: Mapping[str, str] | None = None,
        off: int = 0,
        batch_size: int = 1,
    ) -> None:
        super().__init__(connections, pool)
        self.device, self.versions, self.off, self.batch_size = device, versions or {"torch": "2.9"}, off, batch_size

    def manifest(self, render: ClaimedRender, output: bytes, content_type: str) -> bytes:
        """A true one; the pixels are those of the file."""
        pixels = Image.open(io.BytesIO(output)).convert("RGB").tobytes() if render.frames == 1 else output
        step = StepFacts(timestep=1.0, sigma=None, batch_size=self.batch_size, row=0, guided=0)
        made = Manifest(
            render_id=render.id,
            job_id=render.job_id,
            index=render.index,
            attempt=render.attempt,
            model=ModelFacts(
                name=self.model, family="sana", source="x", revision=None, precision="fp32", weight_sha256={}
            ),
            parameters=render.parameters,
            rendered_width=render.width,
            rendered_height=render.height,
            rendered_frames=render.frames,
            steps=[step],
            decode_batch_size=self.batch_size,
            decode_row=0,
            environment=Environment(device=self.device, torch_threads=1, versions=dict(self.versions)),
            output=OutputFacts(
                filename="output.png",
                content_type=content_type,
                size=len(output),
                sha256=hashlib.sha256(output).hexdigest(),
                pixels_sha256=hashlib.sha256(pixels).hexdigest(),
            ),
            gpu_seconds=0.8,
            finished_at="2026-01-01T00:00:00Z",
        )
        return made.model_dump_json().encode()

    def _picture(self, render: ClaimedRender, width: int, height: int) -> tuple[bytes, bytes]:
        picture, thumbnail = super()._picture(render, width, height)
        if self.off and render.frames == 1:
            drawn = Image.open(io.BytesIO(picture)).convert("RGB").point(lambda value: min(255, value + self.off))
            stream = io.BytesIO()
            drawn.save(stream, "PNG")
            picture = stream.getvalue()
        return picture, thumbnail
