"""``python -m benchmarks.traces flood``: a program that sends OpenTelemetry spans."""

import http.client
import random
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from benchmarks import verbs
from benchmarks.sample import percentile
from tests.waiting import eventually

HALVES = {
    "chat": {"provider.name": "openai", "request.model": "gpt-5-mini"},
    "execute_tool": {"tool.name": "search", "tool.call.arguments": '{"query": "why", "limit": 10}'},
}
TRACE = 1_000  # spans of a trace
STORED_S = 3_600.0  # until the last span that was answered is stored


class Exporter:
    """One connection, with a trace at a time."""

    def __init__(self, port: int, key: str, number: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-protobuf",
            "X-MLflow-Experiment-Id": "0",  # MLflow takes no call without it
        }
        self._trace = (time.time_ns() << 16) + number
        self._sent = 0

    def send(self, spans: int) -> None:
        """One call. Returns when it is answered."""
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
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {text!r}")
        if ExportTraceServiceResponse.FromString(text).partial_success.rejected_spans:
            raise RuntimeError(f"Not all spans were accepted: {text!r}")

    def close(self) -> None:
        """The next call opens the connection again."""
        self._connection.close()

    def _add(self, spans, now: int) -> None:
        operation, more = list(HALVES.items())[self._sent % 2]
        span = spans.add(
            trace_id=self._trace.to_bytes(16, "big"),
            span_id=random.randbytes(8),  # Phoenix drops a span with the id of one in another trace
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


def flood(
    *,
    port: int,
    key: str,
    connections: int,
    spans: int,
    number: int,
    database: str = "",
    count: str = "",
) -> dict[str, float]:
    """Send ``number`` spans, as fast as the calls are answered.

    ``database``: the SQLite file of the server, where the query ``count`` gives the number of
    spans. Then also ``stored_per_s``: until the last one is there.
    """
    exporters = [Exporter(port, key, each) for each in range(connections)]
    stored = _stored(database, count) if database else 0
    for exporter in exporters:
        exporter.send(spans)  # opens the run
    stored += connections * spans
    if database:
        eventually(lambda: _stored(database, count) >= stored, STORED_S)
        for exporter in exporters:
            exporter.close()  # the server may have closed it meanwhile
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
    sent = len(took) * spans
    values = {"calls": len(took), "per_s": sent / lasted}
    if database:
        eventually(lambda: _stored(database, count) >= stored + sent, STORED_S)
        values["stored_per_s"] = sent / (time.perf_counter() - begun)
    return values | {f"p{share}_ms": percentile(took, share) for share in (50, 99)}


def _stored(database: str, count: str) -> int:
    """The committed spans."""
    with closing(sqlite3.connect(f"{Path(database).as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(count).fetchone()[0]


if __name__ == "__main__":
    verbs.run(flood)
