"""After the last step, or at a draft: encode, hash, upload, settle; in a thread, so that the engine steps on."""

import itertools
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from farm.adapters.file_header import read_adapter
from farm.connections import Connections
from farm.file_errors import is_disk_full
from farm.ids import new_id
from farm.lifecycle import Outcome
from farm.metrics.process_metrics import STAGE_SECONDS
from farm.params.request.base import ADAPTER_SUFFIX
from farm.plugins import MARKED
from farm.scorers import is_deferred
from farm.storage import StoredFile
from farm.storage_keys import ArtifactKind, artifact_key, input_key
from farm.uploads import ADAPTER_TYPE
from scheduler.batching.preemption_policy import rank
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.leases.settle import Output, Settlement
from scheduler.uploads import adapter_row
from workers.agent.leased_renders import LeasedRender, LeasedRenders
from workers.agent.measurements import observe
from workers.agent.output_failures import not_stored
from workers.agent.retrying_storage import RetryingStorage
from workers.agent.settler import Settler
from workers.agent.spool_folder import DiskSpace
from workers.agent.telemetry.render_spans import stored_spans
from workers.outputs.artifacts import File, make_draft_files, make_files
from workers.outputs.encode import EncodedFile, Pixels, check_pixels
from workers.outputs.plugins import OutputPlugins, Shown
from workers.outputs.project_provenance import ProjectProvenance
from workers.protocol import Drafted, EngineFacts, Rendered

log = structlog.get_logger(__name__)

_SIDE_BY_SIDE = 4  # files that are stored at once: the output, thumbnail and manifest of one render, and one more
_IN_MEMORY = 2  # renders whose files are: those of one are stored while those of the next are made
_LOOK_SECONDS = 5.0  # how often an idle thread sees whether a storage that was away is back


@dataclass(frozen=True, order=True)
class _Waiting:
    """One that the engine is through with; the most urgent class first, then as they came. None: nothing follows."""

    class_rank: float
    place: int
    ready: tuple[Rendered | Drafted, EngineFacts] | None = field(compare=False)


@dataclass(frozen=True)
class _Begun:
    """One whose files are made, and on their way into the storage."""

    leased: LeasedRender
    made: Rendered | Drafted
    facts: EngineFacts
    began: float  # monotonic
    objection: str | None  # of the safety checker, where it only marks
    puts: Sequence[tuple[ArtifactKind, EncodedFile, Future[StoredFile]]]


class ArtifactUploader:
    """Turns finished pixels into stored artifacts. Renders that are ready together are settled together.

    Files are stored side by side, and while those of one render are on their way those of the next are made. A render
    is settled when all of its own are stored.
    """

    def __init__(
        self,
        connections: Connections,
        held_renders: LeasedRenders,
        settler: Settler,
        storing: RetryingStorage,
        disk_space: DiskSpace,
        *,
        on_done: Callable[[int], None],
        lora_hashes: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda _: {},
    ) -> None:
        settings = connections.settings
        self._plugins = OutputPlugins(settings.safety_checker, marks=settings.safety_action == "mark")
        self._provenance = ProjectProvenance.open(settings, connections.engine, connections.clock())
        self._on_done = on_done
        self._lora_hashes = lora_hashes
        self._connections = connections
        self._held_renders = held_renders
        self._settler = settler
        self._storing = storing
        self._disk_space = disk_space
        self._rendered: queue.PriorityQueue[_Waiting] = queue.PriorityQueue()
        self._places = itertools.count()
        self._thread = threading.Thread(target=self._work, name="finishing", daemon=True)
        self._beside = ThreadPoolExecutor(_SIDE_BY_SIDE, "storing")

    def start(self) -> None:
        self._thread.start()

    def put(self, rendered: Rendered | Drafted, facts: EngineFacts) -> None:
        leased = self._held_renders.get(rendered.render_id)
        class_rank = rank(leased.render.class_name, self._connections.settings.class_shares) if leased else 0
        self._rendered.put(_Waiting(class_rank, next(self._places), (rendered, facts)))

    def stop(self) -> None:
        """Finish what is queued, then end."""
        self._rendered.put(_Waiting(math.inf, next(self._places), None))
        self._thread.join()
        self._beside.shutdown()

    def _work(self) -> None:
        while True:
            try:
                first = self._rendered.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._storing.look()
                continue
            if first.ready is None:
                return
            settled = self._settler.settle(list(self._finish(self._ready_together(first))))
            self._on_done(len(settled))

    def _ready_together(self, first: _Waiting) -> Iterator[tuple[Rendered | Drafted, EngineFacts]]:
        """As many as are ready now, the most urgent first, also one that comes while others are stored; but nothing
        behind one that is more urgent, which would be settled later for it.
        """
        if first.ready is not None:
            yield first.ready
        class_rank = first.class_rank
        for _ in range(self._rendered.qsize()):
            following = self._rendered.get()
            if following.ready is None or following.class_rank > class_rank:
                self._rendered.put(following)
                return
            class_rank = following.class_rank
            yield following.ready

    def _finish(self, rendered: Iterable[tuple[Rendered | Drafted, EngineFacts]]) -> Iterator[Settlement]:
        """How each ended, but for those that were revoked. The files of _IN_MEMORY of them are in memory at most."""
        begun: deque[_Begun | Settlement] = deque()
        for made, facts in rendered:
            if found := self._begin(made, facts):
                begun.append(found)
            if len(begun) == _IN_MEMORY:
                yield self._end(begun.popleft())
        yield from map(self._end, begun)

    def _begin(self, made: Rendered | Drafted, facts: EngineFacts) -> _Begun | Settlement | None:
        """Make the files of one render or draft and begin to store them; None if it was revoked meanwhile."""
        leased, began = self._held_renders.get(made.render_id, made.attempt), time.monotonic()
        if leased is None:
            _clear(made)
            return None
        try:
            pixels, shown = self._shown(leased.render, made)
            files = self._files(leased.render, made, facts, pixels, shown)
            puts = [(kind, file, self._put(leased.render, file)) for kind, file in files]
            return _Begun(leased, made, facts, began, shown.objection, puts)
        except Exception as error:  # one bad output must not end the thread that stores all others
            _clear(made)
            return self._failed(made, error)

    def _end(self, begun: _Begun | Settlement) -> Settlement:
        """How it ended, once all of its files are stored or one of them could not be."""
        if isinstance(begun, Settlement):
            return begun
        wait([put for _, _, put in begun.puts])
        try:
            return self._stored(begun)
        except Exception as error:
            return self._failed(begun.made, error)
        finally:
            _clear(begun.made)

    def _failed(self, made: Rendered | Drafted, error: Exception) -> Settlement:
        if is_disk_full(error):
            self._disk_space.ran_out()
        return not_stored(made, error)

    def _stored(self, begun: _Begun) -> Settlement:
        connections, leased, made = self._connections, begun.leased, begun.made
        artifacts = [_output(leased.render, kind, file, put.result()) for kind, file, put in begun.puts]
        for stage, seconds in {**made.seconds, "store": time.monotonic() - begun.began}.items():
            connections.metrics.observe(STAGE_SECONDS, seconds, stage=stage)
        for span in stored_spans(leased, made, began=begun.began, pool=self._settler.pool, now=connections.clock()):
            connections.traces.add(span)
        return Settlement(
            render_id=made.render_id,
            attempt=made.attempt,
            outcome=Outcome.DONE if isinstance(made, Rendered) else Outcome.DRAFTED,
            reason=None if begun.objection is None else MARKED.format(begun.objection),
            gpu_seconds=made.gpu_seconds,
            artifacts=artifacts,
            observation=observe(made, leased, device=begun.facts.device, now=time.monotonic()),
            scorer=_still_to_score(made, leased.render),
            adapter=self._register(leased.render, [(kind, file) for kind, file, _ in begun.puts]),
        )

    def _register(self, render: ClaimedRender, files: Sequence[File]) -> dict[str, Any] | None:
        """The row that lets the project name the LoRA of a training, with its file stored; None for other renders."""
        file = next((file for kind, file in files if kind is ArtifactKind.ADAPTER), None)
        if file is None:
            return None
        facts = read_adapter(file.data)
        key = input_key(render.project_id, new_id(), ADAPTER_SUFFIX)
        stored = self._storing.put(key, file.data, ADAPTER_TYPE)
        return adapter_row(self._connections, render.project_id, render.parameters["training"]["name"], stored, facts)

    def _shown(self, render: ClaimedRender, made: Rendered | Drafted) -> tuple[Pixels, Shown]:
        """Pixels as the engine made them, and what is shown of them. The plugins are entered here, and nowhere else."""
        pixels = np.load(made.pixels_path)
        if isinstance(made, Drafted):
            return pixels, self._plugins.show_draft(pixels, render.parameters)
        check_pixels(pixels)
        return pixels, self._plugins.show(pixels, render.parameters)

    def _files(
        self, render: ClaimedRender, made: Rendered | Drafted, facts: EngineFacts, pixels: Pixels, shown: Shown
    ) -> list[File]:
        finished_at, hashes = self._connections.clock(), self._lora_hashes(render.parameters)
        provenance = self._provenance.of(render.project_id)
        if isinstance(made, Drafted):
            return make_draft_files(
                *(render, made, facts, shown),
                finished_at=finished_at,
                lora_hashes=hashes,
                provenance=provenance,
            )
        return make_files(
            *(render, made, facts, pixels, shown),
            finished_at=finished_at,
            lora_hashes=hashes,
            provenance=provenance,
            beside=self._beside,
        )

    def _put(self, render: ClaimedRender, file: EncodedFile) -> Future[StoredFile]:
        key = artifact_key(render.project_id, render.job_id, render.id, render.attempt, file.filename)
        return self._beside.submit(self._storing.put, key, file.data, file.content_type)


def _output(render: ClaimedRender, kind: ArtifactKind, file: EncodedFile, stored: StoredFile) -> Output:
    return Output(
        kind=kind,
        file=stored,
        width=file.width or None,
        height=file.height or None,
        frames=file.frames or None,
        score=file.score,
        kept=True if file.score is not None and not render.parameters.get("keep_best") else None,
    )


def _still_to_score(made: Rendered | Drafted, render: ClaimedRender) -> str | None:
    """The scorer of the render that needs weights, which no parent of a worker loads: `farm scorer` does."""
    scorer: str | None = render.parameters.get("scorer")
    return scorer if isinstance(made, Rendered) and is_deferred(scorer) else None


def _clear(made: Rendered | Drafted) -> None:
    """Remove what the engine left in the spool folder for it."""
    other = made.latents_path if isinstance(made, Rendered) else made.checkpoint_path
    adapter = made.adapter_path if isinstance(made, Rendered) else None
    for path in (made.pixels_path, other, adapter):
        if path is not None:
            Path(path).unlink(missing_ok=True)
