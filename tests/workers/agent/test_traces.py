"""One trace of a job, written by processes that never speak to each other, as a collector of OpenTelemetry gets it."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from farm.connections import Connections
from farm.lifecycle import Outcome, Phase
from farm.settings import Settings
from farm.traces.open_tracer import open_tracer
from farm.traces.tracer import NOBODY_COLLECTS, SUBMIT, Span
from tests.scheduler.conftest import TestClock, catalog, clock
from tests.scheduler.jobs import POOL, claim_some, sign_on, submit_job
from tests.workers.outputs.test_plugins import FACTS, ada, connections, flat, spool
from workers.agent.artifact_uploader import ArtifactUploader
from workers.agent.leased_renders import LeasedRenders
from workers.agent.retrying_storage import RetryingStorage
from workers.agent.settler import Settler
from workers.agent.spool_folder import DiskSpace
from workers.protocol import Rendered, StepTrace

__all__ = ["ada", "catalog", "clock", "connections", "spool"]
PROMPT = "an unreleased film of a studio"


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """A server that takes OTLP over HTTP: its address, and the spans that came."""
    spans: list[Any] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", spans
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def process(connections: Connections, endpoint: str, share: float = 1.0) -> Iterator[None]:
    """Inside, the farm is seen from a process of its own; what it has to tell is sent at its end."""
    connections.traces = open_tracer(Settings(traces_endpoint=endpoint, traces_share=share))
    yield
    connections.traces.close()
    connections.traces = NOBODY_COLLECTS


def render_one(connections: Connections, spool: Path) -> None:
    """A worker claims two renders; one is stored, the other fails."""
    worker_id = sign_on(connections)
    claimed = claim_some(connections, worker_id=worker_id)
    held_renders = LeasedRenders()
    held_renders.take("batch", claimed)
    settler = Settler(connections, held_renders, worker_id=worker_id, pool=POOL)
    uploader = ArtifactUploader(
        connections,
        held_renders,
        settler,
        RetryingStorage(connections),
        DiskSpace(connections.steady),
        on_done=lambda count: None,
    )
    good = claimed[0]
    for step in (0, 1):
        held_renders.step(good.id, good.attempt, Phase.STEPPING, step, 1)
    held_renders.leave_engine(good.id)
    np.save(spool / "good.npy", flat())
    seconds = {"encode": 0.5, "steps": 3.0, "decode": 0.0}
    trace = [StepTrace(1.0, 1.0, 2, 0, 1)]
    uploader.put(Rendered(good.id, good.attempt, str(spool / "good.npy"), 3.0, trace, 1, 0, seconds=seconds), FACTS)
    uploader.start()
    uploader.stop()
    settler.end(held_renders.in_engine(), Outcome.FAILED, f"it could not draw {PROMPT}")


def test_submission_stages_and_upload_of_a_job_are_one_trace(
    connections: Connections, clock: TestClock, ada: str, spool: Path
) -> None:
    with collector() as (endpoint, spans):
        with process(connections, endpoint):
            job = submit_job(connections, ada, 2, prompt=PROMPT)
        clock.forward(40.0)
        with process(connections, endpoint):
            render_one(connections, spool)

    assert {span.trace_id for span in spans} == {uuid.UUID(job).bytes}
    named = {span.name: span for span in spans if span.name != "render"}
    assert set(named) == {"submit", "wait", "encode", "steps", "decode", "store"}
    renders = {
        next(one.value.string_value for one in span.attributes if one.key == "farm.outcome"): span
        for span in spans
        if span.name == "render"
    }
    assert set(renders) == {"done", "failed"}
    assert not named["submit"].parent_span_id
    assert {span.parent_span_id for span in renders.values()} == {named["submit"].span_id}
    assert {span.parent_span_id for name, span in named.items() if name != "submit"} == {renders["done"].span_id}
    assert len({span.span_id for span in spans}) == len(spans) == 8
    # It waited for as long as the farm's clock says, and was encoded for as long as the engine said.
    assert seconds_of(named["wait"]) == pytest.approx(40.0)
    assert seconds_of(named["encode"]) == pytest.approx(0.5)
    assert named["wait"].start_time_unix_nano == pytest.approx(named["submit"].start_time_unix_nano, abs=10**9)
    assert named["store"].end_time_unix_nano <= renders["done"].end_time_unix_nano
    assert renders["failed"].status.code == 2  # ERROR
    assert PROMPT not in str(spans)
    assert ada not in str(spans)


def seconds_of(span: Any) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def test_of_many_jobs_every_process_traces_the_same_share(connections: Connections, ada: str) -> None:
    with collector() as (endpoint, spans):
        jobs = [submit_job(connections, ada, 1) for _ in range(20)]
        for _ in range(2):  # processes
            with process(connections, endpoint, share=0.5):
                for job in jobs:
                    connections.traces.add(Span("submit", job, SUBMIT, 1.0, 2.0))
    counted = {uuid.UUID(job).bytes: sum(span.trace_id == uuid.UUID(job).bytes for span in spans) for job in jobs}
    assert set(counted.values()) == {0, 2}


def test_a_collector_that_is_away_costs_nobody_anything(connections: Connections, ada: str) -> None:
    with process(connections, "http://127.0.0.1:9/v1/traces"):
        submit_job(connections, ada, 1)
