"""Reads the events of a run's stream and checks that they agree with its rows."""

import json
from typing import Any

from realtime import log
from realtime.log import streams
from runs.events.run_state import RunState
from runs.models import Approval, Run

FINAL = ("applied", "refused", "too_late")


class StreamReader:
    """Reads the stream of a run step by step. Fails on events out of order and surplus events."""

    def __init__(self) -> None:
        self.state = RunState()
        self.seq = 0
        self.answers: dict[str, list[str]] = {}  # the answers to each control, in order
        self.decisions: dict[str, str] = {}  # of each approval

    def read(self, run: Run) -> None:
        """Read what is new, and compare all of it with the rows."""
        while page := log.read(streams.run(run.pk), self.seq):
            for entry in page:
                assert (entry.seq, self.state.is_over) == (self.seq + 1, False), "after done, a gap"
                self.seq = entry.seq
                self._take(json.loads(entry.text))
        self._compare(run)
        if run.is_over:
            self._compare_ended(run)

    def _take(self, frame: dict[str, Any]) -> None:
        self.state.apply(frame)
        id, kind = frame.get("control_id"), frame["type"]
        if kind == "control_requested":
            assert id not in self.answers
            self.answers[id] = []
        elif id:
            what, before = frame.get("status", "acknowledged"), self.answers[id]
            assert before in ([], ["acknowledged"]), "a second answer"
            assert not (before and what == "acknowledged")
            before.append(what)
        elif kind == "approval_decided":
            assert self.decisions[frame["approval_id"]] == "pending", "a second decision"
            self.decisions[frame["approval_id"]] = frame["decision"]
        elif kind == "approval_requested":
            assert frame["approval_id"] not in self.decisions
            self.decisions[frame["approval_id"]] = "pending"

    def _compare(self, run: Run) -> None:
        """Rows, events and the reducer's state agree."""
        rows = {str(row.pk): row for row in run.controls.all()}
        statuses = {pk: row.status for pk, row in rows.items()}
        assert statuses == {pk: (said or ["requested"])[-1] for pk, said in self.answers.items()}
        assert statuses == {pk: shown["status"] for pk, shown in self.state.controls.items()}
        asked = {str(row.pk): row for row in Approval.objects.filter(run=run)}
        assert {pk: row.status for pk, row in asked.items()} == self.decisions
        assert self.state.approvals.keys() == {pk for pk, row in asked.items() if row.is_pending}
        if all(row.is_over for row in rows.values() if row.pauses_or_resumes):
            assert self.state.paused == (run.paused_at is not None)
        assert self.state.is_over == run.is_over

    def _compare_ended(self, run: Run) -> None:
        """Nothing waits and nothing is open."""
        assert self.state.status == run.status
        assert all(said[-1:] and said[-1] in FINAL for said in self.answers.values())
        assert "pending" not in self.decisions.values()
        assert not run.task_executions.filter(status="running").exists()
