"""Spans sent to a collector by OTLP over HTTP, through OpenTelemetry's own SDK. Imported only where one is named.

The id of a trace is that of its job, and the id of a span is a hash of its job and key.
"""

import hashlib
import os
import threading
import uuid
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context

from farm.traces.tracer import Span, Tracer

_NANOSECONDS = 1_000_000_000
#: With all its tries: so long does a process whose collector is away wait at its end.
_SEND_SECONDS = 3.0


class OtlpTracer(Tracer):
    """Sends spans beside, in batches; what cannot be sent is dropped, and the SDK's log says so.

    Parameters:
        endpoint: the whole address, as `http://collector:4318/v1/traces`.
        share: of all jobs, those that are traced: the same ones in every process with the same share.
    """

    def __init__(self, endpoint: str, share: float = 1.0) -> None:
        self._endpoint = endpoint
        self._share = share
        self._lock = threading.Lock()
        self._ids = _GivenIds()
        self._provider: TracerProvider | None = None
        self._pid = 0

    def add(self, span: Span) -> None:
        if not _is_traced(span.job_id, self._share):
            return
        trace_id = uuid.UUID(span.job_id).int
        with self._lock:  # one at a time gives its ids to the SDK
            self._ids.trace_id, self._ids.span_id = trace_id, _span_id(span.job_id, span.key)
            made = (
                self._opened()
                .get_tracer("latent-farm")
                .start_span(
                    span.name,
                    context=_below(trace_id, span),
                    attributes={"farm.job.id": span.job_id, **span.attributes},
                    start_time=int(span.begin * _NANOSECONDS),
                )
            )
        if span.failed:
            made.set_status(Status(StatusCode.ERROR))
        made.end(int(max(span.begin, span.end) * _NANOSECONDS))

    def close(self) -> None:
        with self._lock:
            provider, self._provider = self._provider, None
        if provider is not None and self._pid == os.getpid():
            provider.shutdown()

    def _opened(self) -> TracerProvider:
        """Made at the first span of a process: a web server forks after its connections are made."""
        if self._provider is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._provider = TracerProvider(
                sampler=ALWAYS_ON,
                resource=Resource.create({"service.name": "latent-farm", "service.version": version("latent-farm")}),
                id_generator=self._ids,
            )
            self._provider.add_span_processor(
                BatchSpanProcessor(OTLPSpanExporter(self._endpoint, timeout=_SEND_SECONDS))
            )
        return self._provider


class _GivenIds(IdGenerator):
    """Gives the ids that it was told."""

    trace_id = 0
    span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


def _below(trace_id: int, span: Span) -> Context:
    """Where a span hangs: below its parent, which another process may write."""
    if span.parent is None:
        return Context()
    parent = SpanContext(trace_id, _span_id(span.job_id, span.parent), True, TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _is_traced(job_id: str, share: float) -> bool:
    """Not by the SDK's sampler: it takes the last half of an id for a number drawn evenly. In a UUID that half begins
    with the variant, and so lies between a half and three quarters of all numbers.
    """
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:8]) < share * 2**64


def _span_id(job_id: str, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{job_id} {key}".encode()).digest()[:8]) or 1
