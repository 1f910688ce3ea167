"""Approvals under any order of decisions, expiries, cancellations and lost workers."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crews.tracking import IllegalMove
from realtime.models import Event
from runs.models import Approval, Run

STEPS = ("ask", "approve", "deny", "stale", "expire", "late", "cancel", "finish", "lost", "sweep")


class Rollback(Exception):
    """Ends an example and leaves nothing of it."""


class World:
    """A run with calls that wait, and what was decided about each of them first."""

    def __init__(self, tenant) -> None:
        self.run = tenant.start_run()
        self.ids: list = []
        self.first: dict = {}

    def take(self, step: str, number: int) -> None:
        run = Run.objects.get(pk=self.run.pk)
        match step:
            case "ask":
                call = {"agent_id": "orion", "tool": "script", "params": {}, "expires_after_s": 60}
                with transaction.atomic():
                    self.ids.append(Approval.objects.request(id=uuid4(), run=run, **call).pk)
            case "cancel":
                run.cancel()
            case "finish":
                self.run.finish("failed", reason="task_failed")
            case "lost":
                run.finish("failed", reason="worker_lost")
            case "sweep":
                Approval.objects.expire_due()
            case _ if self.ids:
                self._about(Approval.objects.get(pk=self.ids[number % len(self.ids)]), step)

    def _about(self, approval: Approval, step: str) -> None:
        match step:
            case "approve" | "deny":
                decision = {"approve": "approved", "deny": "denied"}[step]
                approval.decide(decision, by="somebody", seen=approval.seen)
            case "stale":
                approval.decide("approved", by="somebody", seen="0" * 64)
            case "expire":
                approval.expire()
            case "late" if approval.is_pending:
                approval.expires_at = timezone.now() - timedelta(seconds=1)
                approval.save(update_fields=["expires_at"])

    def check(self) -> None:
        run = Run.objects.get(pk=self.run.pk)
        events = Event.objects.filter(stream=f"run:{run.pk}").order_by("seq")
        types = list(events.values_list("type", flat=True))
        approvals = list(Approval.objects.filter(run=run))
        decided = [approval for approval in approvals if not approval.is_pending]
        assert types.count("approval_requested") == len(approvals)
        assert types.count("approval_decided") == len(decided)  # never two decisions
        for approval in decided:
            assert self.first.setdefault(approval.pk, approval.status) == approval.status
            assert bool(approval.refusal) == (approval.status != "approved")
        if run.is_over:
            assert types[-1] == "done"
            assert len(decided) == len(approvals)  # nothing waits after the end
        run.crew.refresh_from_db()
        assert run.crew.approvals_pending == len(approvals) - len(decided)


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2)), max_size=12))
def test_no_call_has_two_decisions_and_none_waits_after_the_end(acme, steps):
    with pytest.raises(Rollback), transaction.atomic():
        world = World(acme)
        for step, number in [("ask", 0), *steps]:
            try:
                world.take(step, number)
            except IllegalMove:
                assert step in ("ask", "approve", "deny", "stale", "finish")
            world.check()
        raise Rollback
