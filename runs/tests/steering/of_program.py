"""The state machine of a run that a program reports."""

import hypothesis.strategies as st
from hypothesis.stateful import rule

from crews.models import ApprovalRule
from runs.models import Run
from runs.tests.steering.machine import Steering
from runs.tests.steering.program import Program

WORK = ("read", "read", "read", "acknowledge", "apply", "ask", "poll")


class OfProgram(Steering):
    """A run that a program reports. Each of its calls needs an approval."""

    def begin(self) -> Run:
        ApprovalRule.objects.create(organization=self.acme.organization, tool="deploy")
        key, text = self.acme.issue_key("report")
        self.program = Program(key, text, "crew", self.enter)
        return self.program.run

    @rule(does=st.lists(st.sampled_from(WORK), min_size=1, max_size=6), which=st.integers(0, 2))
    def work(self, does: list[str], which: int) -> None:
        for what in does:
            self.program.step(what, which)

    @rule(which=st.integers(0, 2))
    def ask_and_wait(self, which: int) -> None:
        self.work(["poll", "ask"], which)

    @rule(which=st.integers(0, 2))
    def read_and_answer(self, which: int) -> None:
        self.work(["read", "read", "acknowledge", "apply"], which)

    @rule(which=st.integers(0, 20))
    def replay(self, which: int) -> None:
        self.program.step("end" if which == 13 else "replay", which)

    def attend(self) -> None:
        self.program.attend()

    def rest(self) -> None:
        self.program.rest()
