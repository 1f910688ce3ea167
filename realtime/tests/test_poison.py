"""Any content of a tool, name or parameter becomes an event that every reader can parse."""

import json
import math
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NoReturn

import hypothesis.strategies as st
import pytest
import redis
from django.db import transaction
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis.strategies import SearchStrategy

from conftest import Tenant
from realtime import log
from realtime.log import publish, streams
from runs.events.encoding import DEPTH_LIMIT, EVENT_LIMIT, SAFE_INTEGER, encode
from runs.events.kinds import ToolStart
from runs.models import TaskExecution, ToolExecution
from tests.events import sample
from tests.live import FRAME_S, Web

EXAMPLES = 300
SENT = 150  # of them through everything up to a socket
PROFILE = {
    "database": None,
    "deadline": None,
    "derandomize": True,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}
TEXTS = (
    st.text(st.characters(), max_size=30)
    | st.text(st.sampled_from('\x00\ud800\udfff\x1b\r\n\u2028\ufffe"\\</é🦀'), max_size=30)
    | st.sampled_from(
        ["x" * 70_000, "é" * 40_000, "\x00" * 70_000, "\ud800" * 30_000, "\\" * 66_000]
    )
)
LEAVES = (
    TEXTS
    | st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**53, -(2**53), 2**63, 2**64, 10**300])
    | st.floats()
    | st.binary(max_size=20)
    | st.datetimes()
    | st.dates()
    | st.uuids()
    | st.decimals()
    | st.builds(object)
)
KEYS = TEXTS | st.integers() | st.none() | st.floats() | st.tuples(st.integers()) | st.booleans()


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def values() -> SearchStrategy[Any]:
    return st.recursive(
        LEAVES | st.sampled_from([_nested(200), "x" * 1_000_000]),
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(KEYS, inner, max_size=5)
            | st.tuples(inner, inner)
            | st.frozensets(TEXTS | st.integers() | st.dates(), max_size=3)
        ),
        max_leaves=12,
    )


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def read(text: str) -> dict[str, Any]:
    """``text`` as a strict reader reads it: what a browser's ``JSON.parse`` would refuse fails."""
    encoded = text.encode()
    assert len(encoded) <= EVENT_LIMIT
    assert "\x00" not in text
    frame = json.loads(encoded, parse_constant=_refuse)
    assert not _unsafe(frame), frame
    return frame


def _unsafe(value: Any) -> bool:
    """Whether JavaScript or PostgreSQL would make something else of it."""
    if isinstance(value, str):
        return "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return any(_unsafe(key) or _unsafe(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_unsafe, value))
    return isinstance(value, int) and abs(value) >= SAFE_INTEGER


def _simple(value: Any) -> bool:
    """Whether it is to come back as it is: what JSON carries everywhere, and not too much of it."""
    if isinstance(value, list):
        return all(map(_simple, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _simple(key) for key in value) and all(
            map(_simple, value.values())
        )
    if isinstance(value, float):
        return math.isfinite(value)
    return (isinstance(value, str | int) or value is None) and not _unsafe(value)


@pytest.mark.django_db
@settings(max_examples=EXAMPLES, **PROFILE)
@given(values(), TEXTS)
@example({"a": float("nan"), "b": float("-inf"), 3: 2**64, None: Decimal("NaN")}, "\x00")
@example(
    {"at": datetime(2026, 1, 1, tzinfo=UTC), "on": date(2026, 1, 1), "id": uuid.UUID(int=1)}, ""
)
@example({"a\x00": 1, "a\ufffd": 2}, "\ud800")
@example(_nested(DEPTH_LIMIT - 4), "é")
def test_an_event_of_anything_is_read_back_as_it_was_sent(value, text):
    stream = f"graph:{uuid.uuid4()}"
    event = sample(ToolStart, params={"value": value}, tool=text)
    (entry,) = log.append(stream, [event])
    assert log.read(stream, 0) == [entry]
    frame = read(entry.text)
    assert frame["seq"] == 1
    assert frame["type"] == "tool_start"
    if _simple(value) and not frame.get("truncated") and _depth(value) < DEPTH_LIMIT - 2:
        assert frame["params"]["value"] == value
    if not _unsafe(text) and len(text) < 4000:
        assert frame["tool"] == text


@pytest.mark.parametrize(("depth", "is_cut"), [(DEPTH_LIMIT - 4, False), (50_000, True)])
def test_what_is_nested_deeply_is_cut(depth, is_cut):
    event = sample(ToolStart, params={"value": _nested(depth)})
    text = encode(event, seq=1, timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    assert ("…" in text) is is_cut
    read(text)


def _depth(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, items), default=0)


@pytest.fixture
def subscription(redis_server: redis.Redis, acme: Tenant) -> Iterator[redis.client.PubSub]:
    with redis_server.pubsub() as pubsub:
        pubsub.subscribe(streams.graph(acme.crew.pk))
        assert pubsub.get_message(timeout=FRAME_S)["type"] == "subscribe"
        yield pubsub


@pytest.mark.django_db(transaction=True)
def test_the_same_text_is_in_the_log_on_redis_and_on_the_socket(web: Web, acme, subscription):
    stream = streams.graph(acme.crew.pk)
    sent: list[log.Entry] = []

    @settings(max_examples=SENT, **PROFILE)
    @given(values())
    def send(value: Any) -> None:
        event = sample(ToolStart, str(acme.crew.pk), params={"value": value})
        with transaction.atomic():
            entries = log.append(stream, [event])
            publish.on_commit(stream, entries)
        sent.extend(entries)

    with web.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer) as socket:
        socket.until(type="snapshot")
        send()
        received = []
        while len(received) < len(sent):
            text = socket.connection.recv(timeout=FRAME_S)
            if '"type":"tool_start"' in text:
                received.append(text)
    published = []
    while len(published) < len(sent):
        published.append(subscription.get_message(timeout=FRAME_S)["data"].decode())
    assert received == published == [entry.text for entry in sent]
    assert [read(text)["seq"] for text in received] == [entry.seq for entry in sent]


@pytest.mark.django_db
@settings(max_examples=60, **PROFILE)
@given(data=st.data())
def test_a_tool_may_report_anything(acme, data):
    """Through the models, whose columns have their own ideas of what they hold."""
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(
        task_execution=task, tool="script", params={"code": data.draw(TEXTS)}
    )
    message, output = data.draw(TEXTS), data.draw(TEXTS)
    tool.report(message=message, output=output, progress=data.draw(st.floats()))
    tool.end("error", exit_code=1, message=data.draw(TEXTS))
    task.finish("failed", reason="tool_failed", message=data.draw(TEXTS))
    run.finish("failed", reason="task_failed", message=data.draw(TEXTS))
    frames = [
        read(entry.text)
        for entry in log.read(streams.graph(acme.crew.pk), 0, limit=10_000, size=2**30)
    ]
    of_this = [frame for frame in frames if frame["run_id"] == str(run.pk)]
    assert [frame["type"] for frame in of_this][-1] == "tool_end"
    story = [read(entry.text) for entry in log.read(streams.run(run.pk), 0)]
    assert story[-1]["type"] == "done"
    tool.refresh_from_db()
    assert not _unsafe(tool.output)


@pytest.mark.parametrize(
    "text",
    ['{"a":NaN}', '{"a":-Infinity}', '{"a":"\\ud800"}', '{"a":"\\u0000"}', '{"a":18446744073709551616}',
     '{"a":"' + "x" * EVENT_LIMIT + '"}'],
)  # fmt: skip
def test_what_no_reader_can_read_would_be_noticed(text):
    with pytest.raises(AssertionError):
        read(text)
