"""A collector of OpenTelemetry for benchmarks: when each stage of a render began and ended."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

#: By job, then by the name of a span: begin and end in seconds since 1970.
Spans = dict[str, dict[str, tuple[float, float]]]


@contextmanager
def collected_spans() -> Iterator[tuple[str, Spans]]:
    """A server that takes OTLP over HTTP: its address, and what came of jobs of one render."""
    found: Spans = defaultdict(dict)

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        times = span.start_time_unix_nano / 1e9, span.end_time_unix_nano / 1e9
                        found[str(uuid.UUID(bytes=span.trace_id))][span.name] = times
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
