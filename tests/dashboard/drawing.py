"""A worker's part without a model: it claims like one, stores drawn pictures like one, and settles like one."""

import io
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imageio_ffmpeg import write_frames
from PIL import Image

from farm.connections import Connections
from farm.demo.scenes import draw_clip, draw_picture, random_scene
from farm.ids import new_id
from farm.lifecycle import Outcome, WorkerStatus
from farm.storage_keys import ArtifactKind, artifact_key, checkpoint_name
from scheduler.claims.claim_batch import ClaimedRender, Claimer, claim
from scheduler.fleet.wake_workers import notify
from scheduler.fleet.worker_registry import WorkerReport, beat, sign_on
from scheduler.leases.settle import Output, Settlement, settle


class Drawer:
    """A worker of one pool that draws random scenes."""

    def __init__(self, connections: Connections, pool: str) -> None:
        self.connections = connections
        self.pool = pool
        self.model = connections.catalog.pool(pool).model
        self.id = new_id()
        self._rng = random.Random(7)
        now = connections.clock()
        sign_on(connections.engine, worker_id=self.id, pool=pool, model=self.model, host="tests", pid=1, now=now)
        beat(connections.engine, WorkerReport(self.id, WorkerStatus.IDLE, "cpu"), now=now)

    def take(self, most: int = 8) -> list[ClaimedRender]:
        """Claim a batch."""
        found = claim(
            self.connections.engine,
            Claimer(self.pool, self.id, 600),
            capacity=most,
            now=self.connections.clock(),
        )
        return found.renders if found else []

    def finish(
        self, renders: Sequence[ClaimedRender], reason: str | None = None, scores: Sequence[float | None] = ()
    ) -> None:
        """Settle renders as done with drawn files and these scores, or as failed for this reason."""
        scored = zip(renders, scores or [None] * len(renders), strict=True)
        settlements = [
            self._failed(render, reason) if reason else self._done(render, score) for render, score in scored
        ]
        settled = settle(self.connections.engine, settlements, self.connections.clock(), max_failures=1)
        assert len(settled.accepted) == len(renders)
        notify(self.connections, lanes=[], changed=settled.jobs)

    def draft(self, renders: Sequence[ClaimedRender]) -> None:
        """Settle renders as stopped at their step, each with a drawn draft."""
        settled = settle(self.connections.engine, [self._drafted(item) for item in renders], self.connections.clock())
        assert len(settled.accepted) == len(renders)
        notify(self.connections, lanes=[], changed=settled.jobs)

    def draw_everything(self) -> None:
        """Finish all that waits for this pool."""
        while renders := self.take():
            self.finish(renders)

    def manifest(self, render: ClaimedRender, output: bytes, content_type: str) -> bytes:
        """What is stored as the manifest of an output; here one that says nothing."""
        return b"{}\n"

    def _failed(self, render: ClaimedRender, reason: str) -> Settlement:
        return Settlement(render.id, render.attempt, Outcome.FAILED, reason=reason)

    def _drafted(self, render: ClaimedRender) -> Settlement:
        width, height = render.parameters["width"], render.parameters["height"]
        picture, thumbnail = self._picture(render, width, height)
        name, kind = ("draft.mp4", "video/mp4") if render.frames > 1 else ("draft.png", "image/png")
        state = self._store(render, ArtifactKind.CHECKPOINT, checkpoint_name(5), b"5", "application/x-safetensors")
        files = [
            self._store(render, ArtifactKind.DRAFT, name, picture, kind, width, height),
            self._store(render, ArtifactKind.THUMBNAIL, "thumbnail.webp", thumbnail, "image/webp", width, height),
            state,
        ]
        return Settlement(render.id, render.attempt, Outcome.DRAFTED, gpu_seconds=0.4, artifacts=files)

    def _done(self, render: ClaimedRender, score: float | None) -> Settlement:
        width, height = render.parameters["width"], render.parameters["height"]
        picture, thumbnail = self._picture(render, width, height)
        name, kind = ("output.mp4", "video/mp4") if render.frames > 1 else ("output.png", "image/png")
        said = self.manifest(render, picture, kind)
        manifest = self._store(render, ArtifactKind.MANIFEST, "manifest.json", said, "application/json")
        files = [
            self._store(render, ArtifactKind.OUTPUT, name, picture, kind, width, height),
            self._store(render, ArtifactKind.THUMBNAIL, "thumbnail.webp", thumbnail, "image/webp", width, height),
            replace(manifest, score=score),
        ]
        return Settlement(render.id, render.attempt, Outcome.DONE, gpu_seconds=0.8, artifacts=files)

    def _picture(self, render: ClaimedRender, width: int, height: int) -> tuple[bytes, bytes]:
        rng = random.Random(render.parameters["seed"])
        scene = random_scene(rng, clip=render.frames > 1)
        if render.frames > 1:
            frames = draw_clip(scene, render.frames, width, height, rng)
            return _film(frames), _saved(frames, "WEBP")
        drawn = draw_picture(scene, width, height, rng)
        return _saved([drawn], "PNG"), _saved([drawn], "WEBP")

    def _store(
        self,
        render: ClaimedRender,
        kind: ArtifactKind,
        name: str,
        data: bytes,
        content_type: str,
        width: int | None = None,
        height: int | None = None,
    ) -> Output:
        key = artifact_key(render.project_id, render.job_id, render.id, render.attempt, name)
        return Output(kind, self.connections.storage.put(key, data, content_type), width, height, render.frames)


def _saved(frames: Sequence[Image.Image], kind: str) -> bytes:
    stream = io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:], "duration": 125, "loop": 0} if len(frames) > 1 else {}
    frames[0].save(stream, kind, **more)
    return stream.getvalue()


def _film(frames: Sequence[Image.Image]) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        writer = write_frames(file.name, frames[0].size, fps=8, codec="libx264", macro_block_size=1)
        writer.send(None)
        for frame in frames:
            writer.send(frame.tobytes())
        writer.close()
        return Path(file.name).read_bytes()
