"""A program that reports a run, answers its controls and asks for approval of its calls.

It may answer late, send again what it has sent, and go on after the server has ended its run.
"""

import json
from collections.abc import Callable
from typing import Any

from crews.models import ApiKey
from realtime import log
from realtime.delivery import approval_waiters
from realtime.log import streams
from runs.models import Approval, ReportedRun, Run
from runs.reporting import approval_requests
from runs.tests.reporting.conftest import Program as Sender

KEY = "nightly"
TAKES = ["cancel", "pause", "message"]
CALLS_AT_MOST = 3


class Program:
    """Reports a run. ``entered``: what is called when the body of a tool is entered."""

    def __init__(self, key: ApiKey, text: str, crew: str, entered: Callable[[str], None]) -> None:
        self._key, self._sender, self._entered = key, Sender(text), entered
        self._sent: list[dict[str, Any]] = []
        self._read_up_to = 0
        self._inbox: list[dict[str, Any]] = []  # controls that it has read
        self._acknowledged: list[dict[str, Any]] = []  # and those it has not answered yet
        self._waiting: dict[str, Approval] = {}  # calls that wait for a decision
        self._calls = 0
        self._is_paused = self._is_cancelled = self._has_ended = False
        self._send("boot", crew=crew, controls=TAKES)
        self.run: Run = ReportedRun.objects.get(key=KEY).run

    def step(self, what: str, which: int) -> None:
        """Do one of the things that the program may do now, if it can."""
        if not self._has_ended or what == "replay":
            getattr(self, f"_{what}")(which)

    def attend(self) -> None:
        """A step with which it follows controls."""
        for what in ("read", "acknowledge", "apply"):
            self.step(what, 0)

    def rest(self) -> None:
        """A step towards the end, for a program that is still there."""
        self.attend()
        self.step("poll", 0)
        if not self._waiting and not self._inbox and not self._acknowledged:
            self.step("end", 0)

    def _read(self, _: int) -> None:
        """Read the next event of its run."""
        for entry in log.read(streams.run(self.run.pk), self._read_up_to, limit=1):
            self._read_up_to = entry.seq
            frame = json.loads(entry.text)
            if frame["type"] == "control_requested":
                self._inbox.append(frame)

    def _acknowledge(self, which: int) -> None:
        if self._inbox:
            control = self._inbox.pop(which % len(self._inbox))
            self._send("control_acknowledged", control_id=control["control_id"])
            self._acknowledged.append(control)

    def _apply(self, which: int) -> None:
        if not self._acknowledged:
            return
        control = self._acknowledged.pop(which % len(self._acknowledged))
        match control["action"]:
            case "pause":
                self._is_paused = True
            case "resume":
                self._is_paused = False
            case "cancel":
                self._is_cancelled = True
                return  # answered by the end of the run
        status = "refused" if control["action"] == "message" and which == 1 else "applied"
        self._send("control_applied", control_id=control["control_id"], status=status)

    def _ask(self, _: int) -> None:
        if self._is_paused or self._is_cancelled or self._calls >= CALLS_AT_MOST:
            return
        self._calls += 1
        question = approval_requests.ApprovalQuestion(
            run=KEY, tool="deploy", params={"code": str(self._calls)}
        )
        try:
            approval = approval_requests.ask(self._key, question)
        except approval_requests.ApprovalImpossible:
            return  # its run has ended: the call does not begin
        assert approval is not None, "a rule matches every call"
        self._waiting[str(self._calls)] = approval

    def _poll(self, which: int) -> None:
        """The web process that keeps a call waiting looks, and answers the program."""
        if not self._waiting:
            return
        code = [*self._waiting][which % len(self._waiting)]
        id = self._waiting[code].pk
        found = approval_waiters.read_decisions({id: self._key.pk}, renews=True)
        if id not in found:
            return
        del self._waiting[code]
        answer = approval_requests.answer_of(found[id])
        if answer["decision"] != "approved":
            assert answer["detail"], "the program receives no reason"
        elif not self._is_cancelled:
            self._entered(code)
            self._send("tool_start", execution_id=code, tool="deploy", params={"code": code})
            self._send("tool_end", execution_id=code, status="success")

    def _replay(self, which: int) -> None:
        """Send something again, as after an answer that was lost."""
        again = self._sent[which % len(self._sent)]
        self._sender.send(again)

    def _end(self, _: int) -> None:
        self._has_ended = True
        self._send("done", status="cancelled" if self._is_cancelled else "succeeded")

    def _send(self, type: str, **fields: Any) -> None:
        self._sent.append({"id": str(len(self._sent)), "run": KEY, "type": type, **fields})
        self._sender.send(self._sent[-1])
