"""Pauses and waits of compared runs, from times alone: no database."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from runs.models import Run, TaskExecution
from runs.pages.compared_approvals import ApprovalFacts, with_waits
from runs.pages.compared_facts import Request, facts_of
from runs.pages.compared_steps import ComparedStep

NOON = datetime.fromisoformat("2026-01-31T12:00:00Z")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class TestFacts:
    def facts(self, *controls: tuple[str, str, float | None], asked=(), until: float = 100):
        run = Run(started_at=at(0), ended_at=at(until))
        rows = [
            Request(run.pk, action, status, None if ended is None else at(ended))
            for action, status, ended in controls
        ]
        waits = [
            ApprovalFacts(run.pk, None, "a", uuid4(), "t", "approved", at(first), at(last), "anna")
            for first, last in asked
        ]
        return facts_of(run, rows, waits, at(1_000))

    def test_pauses_are_from_when_they_came_true_until_the_run_went_on(self):
        found = self.facts(
            ("pause", "applied", 10),
            ("resume", "applied", 15),
            ("pause", "applied", 50),
            ("resume", "applied", 51),
        )
        assert (found.pauses, found.paused_s) == (2, 6)

    def test_a_pause_ends_with_its_run(self):
        found = self.facts(("pause", "applied", 90), ("resume", "too_late", 100))
        assert (found.pauses, found.paused_s) == (1, 10)

    def test_a_pause_that_never_came_true_is_none(self):
        found = self.facts(("pause", "refused", 10), ("pause", "too_late", 100))
        assert (found.pauses, found.paused_s, bool(found)) == (0, 0, False)

    def test_a_second_pause_continues_one_that_did_not_end(self):
        found = self.facts(("pause", "applied", 10), ("pause", "applied", 20))
        assert (found.pauses, found.paused_s) == (1, 90)

    def test_a_pause_in_the_queue_takes_no_time_of_the_run(self):
        found = self.facts(("pause", "applied", -20), ("resume", "applied", -10))
        assert (found.pauses, found.paused_s) == (0, 0)

    def test_calls_that_wait_at_the_same_time_count_once(self):
        found = self.facts(asked=[(0, 20), (10, 15), (10, 30), (40, 45)])
        assert (found.waits, found.waited_s) == (4, 35)

    def test_messages_and_cancels_that_were_refused_do_not_count(self):
        found = self.facts(
            ("message", "applied", 5), ("message", "requested", None), ("message", "refused", 6),
        )  # fmt: skip
        assert (found.messages, found.is_cancel_asked) == (2, False)
        assert self.facts(("cancel", "acknowledged", None)).is_cancel_asked
        assert not self.facts(("cancel", "refused", 1)).is_cancel_asked


class TestMatching:
    """Which call an approval was for, from times alone."""

    def waits(self, calls: list[tuple[float, float | None]], *asked: tuple[float, float]):
        """How long each call waited: of one agent and tool, from begin to end."""
        execution = TaskExecution(task_id=uuid4(), agent_id="orion")
        tools = [
            (execution.pk, ComparedStep(uuid4(), "tool", "script", "success", at(first), end))
            for first, last in calls
            for end in [None if last is None else at(last)]
        ]
        about = (uuid4(), execution.task_id, "orion")
        approvals = [
            ApprovalFacts(*about, uuid4(), "script", "approved", at(first), at(last), "anna")
            for first, last in asked
        ]
        return [step.waited_s for _, step in with_waits([execution], tools, approvals)]

    def test_it_is_the_next_call_after_the_decision(self):
        assert self.waits([(1, 2), (10.1, 11), (20, 21)], (5, 10)) == [None, 5, None]

    def test_a_call_that_began_just_before_the_request_and_ended_is_another(self):
        assert self.waits([(9, 9.2), (10.1, 11)], (9.5, 10)) == [None, 0.5]

    def test_clocks_of_hosts_may_differ_by_a_little(self):
        assert self.waits([(9, 11)], (3, 10)) == [7]

    def test_a_call_that_was_reported_before_its_request_is_still_open(self):
        assert self.waits([(0, 1), (5, 30), (40, 41)], (5.1, 20)) == [
            None,
            pytest.approx(14.9),
            None,
        ]

    def test_each_approval_has_a_call_of_its_own(self):
        assert self.waits([(10, 11), (10.1, 12), (10.2, 13)], (1, 9), (2, 10)) == [8, 8, None]

    def test_an_approval_whose_call_never_began_has_none(self):
        assert self.waits([(1, 2)], (5, 10)) == [None]

    def test_a_call_of_another_agent_or_tool_is_not_the_one(self):
        execution = TaskExecution(task_id=uuid4(), agent_id="orion")
        tool = ComparedStep(uuid4(), "tool", "script", "success", at(11), at(12))
        for agent, name in (("vega", "script"), ("orion", "pytest")):
            one = ApprovalFacts(
                uuid4(), None, agent, uuid4(), name, "approved", at(5), at(10), "anna"
            )
            [(_, found)] = with_waits([execution], [(execution.pk, tool)], [one])
            assert found.waited_s is None
