"""However recorded sequences of several sources arrive, each run ends as it does when all is well.

What a network and a program with threads may do: calls of any size, calls that come twice or are
cut short and sent again, runs mixed in a call, events of parallel work in another order, spans in
any order at all.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from rest_framework.test import APIClient

from conftest import Tenant
from runs.models import Run
from runs.tests.reporting import sources
from runs.tests.reporting.conftest import PATH, frames
from runs.tests.reporting.otlp import conftest as otlp
from runs.tests.reporting.sources import Event
from runs.tests.reporting.test_claude_code import PATH as HOOKS

pytestmark = pytest.mark.django_db

REPORTS, SESSIONS, TRACES = sources.reports(), sources.hooks(), sources.spans()
NAMES = [*REPORTS, *SESSIONS, *TRACES]


class Server:
    """Takes what a program sends, in its own form."""

    def __init__(self, key: str) -> None:
        self.client = APIClient()
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")

    def post(self, path: str, body: Any) -> dict[str, Any]:
        text = json.dumps(body).encode()
        answer = self.client.generic("POST", path, text, content_type="application/json")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def deliver(self, name: str, pieces: list[Event]) -> None:
        if name in REPORTS:
            self.post(PATH, pieces)
        elif name in TRACES:
            of_all = [part for piece in pieces for part in piece["resourceSpans"]]
            assert self.post(otlp.PATH, {"resourceSpans": of_all}) == {}
        else:
            for hook in pieces:
                self.post(HOOKS, hook)


def ended() -> list[tuple[Event, Counter[str]]]:
    """Each run with how often each kind of event was emitted."""
    otlp.let_end()
    found = []
    for run in Run.objects.select_related("crew", "reported"):
        emitted = [frame["type"] for frame in frames(run)]
        own = [kind for kind in emitted if not kind.startswith(("tool_", "llm_", "handoff"))]
        assert own[0] == "boot"
        assert own.count("boot") == 1
        assert own.count("done") == run.is_over
        assert emitted.count("tool_start") >= emitted.count("tool_end")
        found.append((sources.picture(run), Counter(emitted)))
    return sorted(found, key=str)


def differences(expected: list[Any], found: list[Any]) -> Iterator[Any]:
    """What a run has in one of them only."""
    names = sorted(run["run"] for run, _ in expected), sorted(run["run"] for run, _ in found)
    if names[0] != names[1]:
        yield names
        return
    for (one, kinds), (other, others) in zip(
        sorted(expected, key=str), sorted(found, key=str), strict=True
    ):
        if kinds != others:
            yield "emitted", kinds - others, others - kinds
        for part, value in one.items():
            if value != other[part]:
                yield part, value, other[part]


class Delivery(RuleBasedStateMachine):
    """Two or three recordings at a time, from the first event to the last."""

    server: Server
    clean: Callable[[str], list[Any]]

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.left: dict[str, list[Event]] = {}
        self.sent: dict[str, list[Event]] = {}

    @initialize(
        names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=3, unique=True),
        data=st.data(),
    )
    def begin(self, names: list[str], data: st.DataObject) -> None:
        # While nothing else has been delivered.
        self.expected = [run for name in names for run in self.clean(name)]
        for name in names:
            recorded = {**REPORTS, **SESSIONS, **TRACES}[name]
            pieces = list(recorded)
            if name in TRACES:
                pieces = data.draw(st.permutations(pieces))
            elif name in REPORTS:
                chains = sources.chains_of(pieces)
                swaps = st.lists(st.integers(0, max(len(pieces) - 2, 0)), max_size=30)
                for at in data.draw(swaps):
                    if sources.commute(pieces[at], pieces[at + 1], chains):
                        pieces[at : at + 2] = reversed(pieces[at : at + 2])
            self.left[name], self.sent[name] = pieces, []

    def open_ones(self) -> list[str]:
        return [name for name, pieces in self.left.items() if pieces]

    @precondition(open_ones)
    @rule(data=st.data(), size=st.integers(1, 8))
    def go_on(self, data: st.DataObject, size: int) -> None:
        name = data.draw(st.sampled_from(self.open_ones()))
        self.deliver(name, size)

    def deliver(self, name: str, size: int) -> None:
        pieces = self.left[name][:size]
        del self.left[name][:size]
        self.sent[name] += pieces
        self.server.deliver(name, pieces)

    @precondition(open_ones)
    @rule(data=st.data(), size=st.integers(2, 8))
    def cut_short(self, data: st.DataObject, size: int) -> None:
        """A call of which the server took the first events only; it comes again as a whole."""
        name = data.draw(st.sampled_from(self.open_ones()))
        self.server.deliver(name, self.left[name][: size // 2])
        self.deliver(name, size)

    @precondition(lambda self: any(self.sent.values()))
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name, sent in self.sent.items() if sent]))
        first = data.draw(st.integers(0, len(self.sent[name]) - 1))
        self.server.deliver(name, self.sent[name][first : first + 8])

    @precondition(lambda self: sum(name in REPORTS for name in self.open_ones()) > 1)
    @rule(data=st.data(), order=st.randoms(use_true_random=False))
    def mixed(self, data: st.DataObject, order: Any) -> None:
        """Events of several runs in one call, each run's in its order."""
        parts = [name for name in self.open_ones() if name in REPORTS]
        slots = [name for name in parts for _ in self.left[name][:4]]
        order.shuffle(slots)
        call = []
        for name in slots:
            call.append(self.left[name].pop(0))
            self.sent[name].append(call[-1])
        self.server.post(PATH, call)

    def teardown(self) -> None:
        try:
            for name in list(self.left):
                self.deliver(name, len(self.left[name]))
            assert list(differences(self.expected, ended())) == []
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)


def test_each_run_ends_as_if_nothing_had_happened(acme: Tenant):
    server = Server(acme.issue_key("report")[1])

    @cache
    def clean(name: str) -> list[Any]:
        """The runs of a recording that arrives as it was recorded, in one call."""
        with transaction.atomic():
            server.deliver(name, {**REPORTS, **SESSIONS, **TRACES}[name])
            found = ended()
            transaction.set_rollback(True)
        return found

    machine = type("Delivery", (Delivery,), {"server": server, "clean": staticmethod(clean)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=6,
            phases=[Phase.generate],
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_each_source_has_recordings():
    stems = {name.partition(":")[0] for name in REPORTS}
    assert {"crewai", "langchain", "openai_agents", "pydantic_ai", "google_adk"} <= stems
    assert any(name.startswith("codex") for name in REPORTS)
    assert any(name.startswith("claude-code") for name in REPORTS)
    assert len(SESSIONS) > 3
    assert len(TRACES) > 3
