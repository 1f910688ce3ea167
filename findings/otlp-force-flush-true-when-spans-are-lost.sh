#!/usr/bin/env bash
# opentelemetry-sdk and -exporter-otlp-proto-http 1.45.2: force_flush() says True when the spans
# were lost, and a redirect loses them.
#
# Expected: False when the collector refused the spans; a redirect (a missing slash) is followed.
# Seen: True for 413, 500, 307 and a closed port, each after one request. Only 503 is retried.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2
"$dir/venv/bin/python" - 2>"$dir/log" <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def flush(port):
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{port}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    provider.get_tracer("depot").start_span("weigh").end()
    return provider.force_flush()


def collector(status, headers):
    """(what force_flush says, paths asked) of a collector whose first answer is the given one."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status if len(asked) == 1 else 200)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args): ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        flushed = flush(server.server_port)
        server.shutdown()
    print(f"{status}: force_flush {flushed}, {len(asked)} request(s) {asked}")
    return flushed, len(asked)


assert collector(200, {}) == (True, 1)
assert collector(503, {"Retry-After": "1"}) == (True, 2)
assert collector(500, {}) == (True, 1)
assert collector(413, {}) == (True, 1)
assert collector(307, {"Location": "/v1/traces/"}) == (True, 1)
with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
    closed = server.server_port
print("closed port: force_flush", away := flush(closed))
assert away is True
PY
