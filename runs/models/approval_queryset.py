"""Queries for approvals: ask for one, keep it waiting, and end those that are too late."""

import json
import logging
import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Self

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from crews.models import Crew
from crews.outages import is_outage
from crews.tracking import InvalidState, TrackedQuerySet
from runs.models.run import Run
from runs.models.run_queryset import lease_end

SWEPT_AT_ONCE = 500
LOST = "The server that kept the call waiting was lost. Ask again."
OPERATORS_DECIDE = (
    "You may watch this crew but not decide about its tool calls. "
    "Ask an admin of the organization for the role of operator."
)
FOR_ADMINS = "By its rule only admins of the organization decide about this call."

logger = logging.getLogger(__name__)


class ApprovalQuerySet(TrackedQuerySet):
    organization_path = "run__crew__organization"
    deletable = ("run__", "run__crew__")
    is_large_table = True

    def pending(self) -> Self:
        return self.filter(status=self.model.Status.PENDING)

    def decidable_by(self, user: Any) -> Self:
        """The approvals that ``user`` may decide, by role and by the setting of the rule."""
        return self.operable_by(user).filter(admins_only=False) | self.managed_by(user)

    def refusal(self, user: Any, pk: uuid.UUID) -> str:
        """Why ``user`` may not decide about the approval, which they can see; "" if they may."""
        if self.decidable_by(user).filter(pk=pk).exists():
            return ""
        return FOR_ADMINS if self.operable_by(user).filter(pk=pk).exists() else OPERATORS_DECIDE

    def for_lists(self) -> Self:
        """Newest first, with all that a list shows."""
        approvals = self.select_related("run__crew__organization")
        return approvals.defer("run__plan", "run__remains").order_by("-requested_at", "-pk")

    def request(
        self,
        *,
        id: uuid.UUID,
        run: Run,
        agent_id: str,
        tool: str,
        params: dict[str, Any],
        unredacted: Any = None,
        expires_after_s: float,
        admins_only: bool = False,
        task_id: uuid.UUID | None = None,
        is_held: bool = False,
    ) -> Any:
        """Ask for approval of a tool call and return it. ``params`` must be redacted already.

        ``unredacted`` is all of the call that decides what it does. It is not stored, only its
        digest is: calls that are shown alike have different digests.
        ``is_held``: a web process waits for the decision and calls `renew_held`. If it is lost, so
        is the answer, and the call is denied.
        If an approval with this ``id`` exists, it is returned.
        Raises ``InvalidState`` unless the run is running.
        """
        with run.locked():
            if known := self.unscoped().filter(run=run, pk=id).first():
                known.run = run
                return known
            if run.status != Run.Status.RUNNING:
                raise InvalidState(f"Run {run.pk} is {run.status}; nothing of it can be approved.")
            asked_at = timezone.now()
            return self.create(
                id=id,
                run=run,
                task_id=task_id,
                agent_id=agent_id,
                tool=tool,
                params=params,
                seen=digest_of(id, [agent_id, tool, params, unredacted]),
                admins_only=admins_only,
                requested_at=asked_at,
                expires_at=asked_at + timedelta(seconds=expires_after_s),
                held_until=lease_end() if is_held else None,
            )

    def renew_held(self, ids: Collection[uuid.UUID]) -> None:
        """Note that a web process still waits for these decisions. Emits no event."""
        self.pending().filter(pk__in=ids).update(held_until=lease_end())

    def expire_due(self) -> int:
        """End those that are too late or whose web process was lost. Returns their number.

        One that cannot be ended keeps no other from its end.
        """
        is_lost = models.Q(held_until__lt=Now())
        due = self.pending().filter(is_lost | models.Q(expires_at__lte=timezone.now()))
        due = due.select_related("run__crew").defer("run__plan").order_by("expires_at")
        return sum([_has_ended(approval) for approval in due[:SWEPT_AT_ONCE]])

    def count_of(self, crew: Crew) -> int:
        """How many calls of the crew wait."""
        return self.unscoped().pending().filter(run__crew=crew.pk).count()


def _has_ended(approval: Any) -> bool:
    """End an approval that is due. Returns False if that failed or it was deleted meanwhile."""
    try:
        approval.expire("" if approval.left_s <= 0 else LOST)
    except ObjectDoesNotExist:
        return False
    except Exception as error:
        if is_outage(error):  # the others could not be ended either
            raise
        logger.exception("Approval %s could not be ended", approval.pk)
        return False
    return True


def digest_of(id: uuid.UUID, call: Any) -> str:
    """Return the digest of a call, 64 characters. A decision names it, so it is for this call.

    It also covers what is hidden from people. It needs the key of the server and is different for
    each approval: so nobody can find a secret by comparing the digests of guesses.
    """
    text = json.dumps([str(id), call], sort_keys=True, separators=(",", ":"), default=str)
    return salted_hmac("runs.approval", text, algorithm="sha256").hexdigest()
