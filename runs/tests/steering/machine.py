"""The state machine: controls, approvals, budgets, ends and losses of a run, in any order."""

from collections import Counter
from datetime import timedelta

import hypothesis.strategies as st
import pytest
from django.db import models, transaction
from django.utils import timezone
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from conftest import make_tenant
from crews.tracking import InvalidState
from realtime import log
from realtime.log import streams
from runs.execution import budget_actions, controls, dispatch, reaper
from runs.models import Approval, Run
from runs.models import Worker as WorkerRow
from runs.tests.steering.stream_reader import StreamReader

ATTEND_STEPS = 40  # after the last rule, for controls that are pending
REST_STEPS = 150  # after the last rule, until the run has ended


class Steering(RuleBasedStateMachine):
    """One run. A subclass says who carries it out."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(dispatch, "announce", lambda run: True)
        self.faults: list[str] = []
        self.entered: Counter[str] = Counter()
        self.refused = 0
        self.reader = StreamReader()
        self.head_at_end: int | None = None  # of the graph's stream
        try:
            WorkerRow.objects.beat("w", tier="namespaces")
            self.acme = make_tenant("acme")
            self.run = self.begin()
        except BaseException:
            self.undo()
            raise

    def begin(self) -> Run:
        raise NotImplementedError

    def rest(self) -> None:
        """A step of the worker or the program towards the end of the run."""
        raise NotImplementedError

    def attend(self) -> None:
        """A step in which the worker or the program follows controls."""
        raise NotImplementedError

    # What people and the scheduler do

    @rule(action=st.sampled_from(["pause", "pause", "resume", "resume", "message", "cancel"]))
    def ask(self, action: str) -> None:
        try:
            controls.ask(self.now(), action, "Be quick." if action == "message" else "")
        except InvalidState:
            self.refused += 1

    @rule(which=st.integers(0, 2))
    def approve(self, which: int) -> None:
        if asked := self.approval(which):
            self.decide(asked, "approved", asked.seen)

    @rule(which=st.integers(0, 2), is_stale=st.booleans())
    def deny(self, which: int, is_stale: bool) -> None:
        """Or approve what was shown on a stale page."""
        if asked := self.approval(which):
            shown = ("approved", "0" * 64) if is_stale else ("denied", asked.seen)
            self.decide(asked, *shown)

    def decide(self, asked: Approval, decision: str, seen: str) -> None:
        is_possible = asked.is_pending and asked.left_s > 0 and asked.seen == seen
        try:
            asked.decide(decision, by="somebody", seen=seen)
        except InvalidState:
            assert not is_possible
        else:
            assert is_possible, "a stale, late or second decision counts"

    @rule(
        what=st.sampled_from(["late", "server", "sweep", "sweep", "sweep", "lease"]),
        which=st.integers(0, 2),
    )
    def fail(self, what: str, which: int) -> None:
        past = timezone.now() - timedelta(seconds=1)
        match what:
            case "late":  # nobody has decided in time
                self.let_time_pass(which)
            case "server":  # the web processes that keep calls waiting were killed
                held = Approval.objects.pending().filter(held_until__isnull=False)
                held.update(held_until=past)
            case "lease":  # the worker or the program was silent for too long
                active = Run.objects.filter(pk=self.run.pk, status="running")
                models.QuerySet.update(active, lease_until=past)
            case "sweep":
                self.sweep()

    @rule(calls=st.sampled_from([None, 0, 1, 2]), at_limit=st.sampled_from(["pause", "cancel"]))
    def look_at_budgets(self, calls: int | None, at_limit: str) -> None:
        """0: without a change of the limit before."""
        if calls != 0:
            crew = self.acme.crew
            crew.refresh_from_db()
            crew.budget_run_tool_calls, crew.budget_run_at_limit = calls, at_limit
            crew.save()
        budget_actions.check_all()

    def let_time_pass(self, which: int) -> None:
        if (asked := self.approval(which)) and asked.is_pending:
            asked.expires_at = timezone.now() - timedelta(seconds=1)
            asked.save(update_fields=["expires_at"])

    def let_all_time_pass(self) -> None:
        for which in range(len(self.reader.decisions)):
            self.let_time_pass(which)

    def sweep(self) -> None:
        reaper.sweep()
        now = timezone.now()
        due = models.Q(expires_at__lte=now) | models.Q(held_until__lt=now)
        assert not Approval.objects.pending().filter(due).exists(), "it waits for nobody"

    # What has to be true

    @invariant()
    def holds(self) -> None:
        run = self.now()
        assert not self.faults, self.faults
        assert run.reason != "internal_error"
        self.reader.read(run)
        if run.is_over:
            run.crew.refresh_from_db()
            assert run.crew.approvals_pending == 0
            head = log.position(streams.graph(run.crew_id)).head
            self.head_at_end = self.head_at_end or head
            assert head == self.head_at_end, "a tool of an ended run writes"

    def enter(self, code: str, *, gated: bool = True) -> None:
        """The body of a tool is entered."""
        run = self.now()
        self.entered[code] += 1
        if self.entered[code] > 1:
            self.faults.append(f"{code} is entered twice")
        approved = Approval.objects.filter(run=run, params__code=code, status="approved")
        if gated and not approved.exists():
            self.faults.append(f"{code} is entered without an approval")

    def now(self) -> Run:
        return Run.objects.select_related("crew").get(pk=self.run.pk)

    def approval(self, which: int) -> Approval | None:
        """Those that wait come first."""
        asked = list(Approval.objects.filter(run=self.run).select_related("run__crew"))
        asked.sort(key=lambda approval: not approval.is_pending)
        return asked[which % len(asked)] if asked else None

    def teardown(self) -> None:
        try:
            self.come_to_an_end()
        finally:
            self.close()
            self.undo()

    def undo(self) -> None:
        self.patch.undo()
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def come_to_an_end(self) -> None:
        """Pauses and resumes are answered.

        Then the last control comes, a resume or a cancel, and the run ends: nobody decides any
        more.
        """
        self.holds()
        if self.reader.seq % 2:
            self.fail("server", 0)
            self.let_all_time_pass()
            self.sweep()
        for _ in range(ATTEND_STEPS):
            self.attend()
            self.holds()
        run = self.now()
        moves = run.controls.pending().filter(action__in=["pause", "resume"])
        assert run.is_over or run.cancel_requested or not moves.exists(), (
            "a pause without an answer"
        )
        if not run.is_over:
            self.ask("resume" if self.reader.seq % 2 and run.pause_requested else "cancel")
        for _ in range(REST_STEPS):
            if self.now().is_over:
                break
            self.let_all_time_pass()
            self.rest()
            self.holds()
        assert self.now().is_over, "the run is stuck"
        self.rest()  # for a worker or a program that does not know it yet
        self.sweep()
        self.holds()

    def close(self) -> None:
        """Stop the worker or the program."""
