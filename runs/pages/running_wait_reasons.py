"""The reasons why a running run waits: a pause, or tool calls that wait for a person."""

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, Value, When

from runs.execution.budget_actions import BUDGET_ACTOR
from runs.models import Approval, Control, Run


def with_wait_reason(runs: QuerySet[Run]) -> QuerySet[Run]:
    """``runs``, each with ``wait_reason``: ``paused``, ``paused by budget``, ``waiting`` or ``""``.

    The names are those of ``RunState.waitReason`` in the browser. It takes no further query.
    """
    own = {"run": OuterRef("pk")}
    pauses = Control.objects.unscoped().filter(**own, action="pause", status="applied")
    paused_by = Subquery(pauses.order_by("-requested_at", "-pk").values("by")[:1])
    waits = Exists(Approval.objects.unscoped().pending().filter(**own))
    is_paused = Q(paused_at__isnull=False)
    wait_reason = Case(
        When(~Q(status=Run.Status.RUNNING), then=Value("")),
        When(is_paused & Q(paused_by=BUDGET_ACTOR), then=Value("paused by budget")),
        When(is_paused, then=Value("paused")),
        When(waits, then=Value("waiting")),
        default=Value(""),
    )
    return runs.alias(paused_by=paused_by).annotate(wait_reason=wait_reason)
