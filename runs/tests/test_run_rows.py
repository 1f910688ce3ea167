"""The rows of events and the bars of the timeline, which are made without a template."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from runs.models import ModelCall, ToolExecution
from runs.pages.history import Entry
from runs.pages.timeline import Lane
from runs.pages.timeline_bar import Bar
from runs.templatetags.run_rows import bars, event_rows

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
EVIL = """<script>"'&"""
ESCAPED = "&lt;script&gt;&quot;&#x27;&amp;"


def page(*entries: Entry, is_large: bool = False, is_member: bool = True, has: str = "") -> Any:
    run = SimpleNamespace(pk=uuid4(), started_at=AT, created_at=AT, is_member=is_member)
    window = SimpleNamespace(moment_query="&at=2026", has={has})
    return SimpleNamespace(run=run, window=window, history=entries, is_large=is_large)


def tool(**values: Any) -> ToolExecution:
    return ToolExecution(started_at=AT, ended_at=AT + timedelta(seconds=2), **values)


def entry(type: str = "tool_end", **values: Any) -> Entry:
    return Entry(type, "t1", AT + timedelta(seconds=90), **{"what": "git", **values})


def bar(**values: Any) -> Bar:
    shown = {"label": "git", "status": "success", "start": 0.5, "end": 2.0, "x": 1.0, "width": 9.0}
    return Bar(**{"kind": "tool", "id": "t1", **shown, **values})


@pytest.mark.parametrize("name", ["what", "agent", "detail", "status"])
@pytest.mark.parametrize("type", ["tool_end", "task_start", "error", "llm_start"])
def test_texts_of_an_event_are_escaped(type, name):
    record = ModelCall(started_at=AT) if type == "llm_start" else tool()
    html = event_rows(page(entry(type, execution=record, **{name: EVIL})))
    assert ESCAPED in html
    assert EVIL not in html
    assert "<script>" not in html


def test_the_id_of_an_event_is_escaped():
    shown = Entry("agent_start", EVIL, AT, "begins to work")
    assert "<script>" not in event_rows(page(shown))
    assert "<script>" not in event_rows(page(shown, has=shown.version))


@pytest.mark.parametrize("name", ["label", "id", "status"])
def test_texts_of_a_bar_are_escaped(name):
    for is_large in (False, True):
        html = bars(Lane("a", "A", "", [bar(**{name: EVIL})]), page(is_large=is_large))
        assert ESCAPED in html
        assert "<script>" not in html


def test_an_event_shows_its_time_and_duration():
    html = event_rows(page(entry(execution=tool(), status="success", detail="exit code 1")))
    assert (
        '<time datetime="2026-01-31T12:01:30+00:00" title="2026-01-31 12:01:30 UTC">1:30<' in html
    )
    assert 'succeeded <small>after <span class="text-nowrap">2.0 s</span>, <bdi>exit' in html


def test_an_event_that_the_page_has_is_empty():
    shown = entry(execution=tool())
    assert event_rows(page(shown, has=shown.version)) == (
        '<li id="event-tool_end-t1" data-same></li>\n'
    )


def test_links_of_a_large_run_name_the_part_and_the_moment():
    shown = entry(execution=tool())
    assert 'href="#tool-t1"' in event_rows(page(shown))
    assert 'href="?at=t1&amp;at=2026#tool-t1"' in event_rows(page(shown, is_large=True))
    lane = Lane("a", "A", "", [bar()])
    assert 'href="?at=t1&amp;at=2026#tool-t1"' in bars(lane, page(is_large=True))


def test_the_stored_texts_of_a_call_are_for_members():
    call = ModelCall(started_at=AT, input_length=3, output_length=0)
    shown = Entry("llm_start", str(uuid4()), AT, "a-model", execution=call)
    assert "call-text" in event_rows(page(shown))
    assert "call-text" not in event_rows(page(shown, is_member=False))


def test_a_narrow_bar_of_a_large_run_has_no_label_until_it_grows():
    narrow = bar(width=1.0)
    assert "bar-text" in bars(Lane("a", "A", "", [narrow]), page())
    assert "bar-text" not in bars(Lane("a", "A", "", [narrow]), page(is_large=True))
    growing = bar(width=1.0, status="running", end=None)
    assert "bar-text" in bars(Lane("a", "A", "", [growing]), page(is_large=True))
