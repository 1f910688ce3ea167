"""``python -m benchmarks.traces flood``: a program that sends OpenTelemetry spans."""

import http.client
import threading
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks import verbs
from benchmarks.sample import percentile

HALVES = {
    "chat": {"provider.name": "openai", "request.model": "gpt-5-mini"},
    "execute_tool": {"tool.name": "search", "tool.call.arguments": '{"query": "why", "limit": 10}'},
}
TRACE = 1_000  # spans of a trace


class Exporter:
    """One connection, with a trace at a time."""

    def __init__(self, port: int, key: str, number: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-protobuf",
        }
        self._trace = (time.time_ns() << 16) + number
        self._sent = 0

    def send(self, spans: int) -> None:
        """One call. Returns when the spans are stored."""
        if self._sent >= TRACE:
            self._trace, self._sent = self._trace + (1 << 80), 0
        request = ExportTraceServiceRequest()
        of_resource = request.resource_spans.add()
        of_resource.resource.attributes.add(key="service.name").value.string_value = "bench"
        scope = of_resource.scope_spans.add()
        now = time.time_ns()
        for _ in range(spans):
            self._sent += 1
            self._add(scope.spans, now)
        self._connection.request("POST", "/v1/traces", request.SerializeToString(), self._headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200 or text:
            raise RuntimeError(f"{response.status}: {text!r}")

    def _add(self, spans, now: int) -> None:
        operation, more = list(HALVES.items())[self._sent % 2]
        span = spans.add(
            trace_id=self._trace.to_bytes(16, "big"),
            span_id=self._sent.to_bytes(8, "big"),
            parent_span_id=(2**63).to_bytes(8, "big"),  # the agent's span, which has not ended
            name=f"{operation} one",
            start_time_unix_nano=now - 10**8,
            end_time_unix_nano=now,
        )
        texts = {"operation.name": operation, "agent.name": "orion", **more}
        for name, text in texts.items():
            span.attributes.add(key=f"gen_ai.{name}").value.string_value = text
        if operation == "chat":
            for name, tokens in {"input_tokens": 812, "output_tokens": 94}.items():
                span.attributes.add(key=f"gen_ai.usage.{name}").value.int_value = tokens


def flood(*, port: int, key: str, connections: int, spans: int, number: int) -> dict[str, float]:
    """Send ``number`` spans, as fast as they are stored."""
    exporters = [Exporter(port, key, each) for each in range(connections)]
    for exporter in exporters:
        exporter.send(spans)  # opens the run
    calls = number // (spans * connections)
    took: list[float] = []
    failed: list[Exception] = []

    def work(exporter: Exporter) -> None:
        try:
            for _ in range(calls):
                begun = time.perf_counter()
                exporter.send(spans)
                took.append((time.perf_counter() - begun) * 1e3)
        except Exception as error:
            failed.append(error)

    begun = time.perf_counter()
    threads = [threading.Thread(target=work, args=(exporter,)) for exporter in exporters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    lasted = time.perf_counter() - begun
    values = {"calls": len(took), "per_s": len(took) * spans / lasted}
    return values | {f"p{share}_ms": percentile(took, share) for share in (50, 99)}


if __name__ == "__main__":
    verbs.run(flood)
