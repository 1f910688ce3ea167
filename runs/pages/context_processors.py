"""Values about runs that every page can use. Each is queried only if a page shows it."""

from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from crews.models import Crew, Organization
from crews.models.membership import Role
from runs.models import Worker


def workers(request: HttpRequest) -> dict[str, Any]:
    """``worker_alive``: whether a worker can execute runs; ``start_command`` starts one."""
    return {
        "worker_alive": SimpleLazyObject(Worker.objects.alive().exists),
        "start_command": settings.START_COMMAND,
    }


def approvals(request: HttpRequest) -> dict[str, Any]:
    """``own_organizations``, and ``approvals_pending``: how many tool calls of the user's crews
    wait for approval.
    """
    return {
        "own_organizations": SimpleLazyObject(lambda: own_organizations(request)),
        "approvals_pending": SimpleLazyObject(lambda: pending_approvals(request)),
    }


def monitoring(request: HttpRequest) -> dict[str, Any]:
    """``may_monitor``: whether the user sees the monitoring page of anything."""
    return {"may_monitor": SimpleLazyObject(lambda: may_monitor(request))}


def may_monitor(request: HttpRequest) -> bool:
    if request.user.is_superuser:
        return True
    return any(own.is_managed for own in own_organizations(request))


def own_organizations(request: HttpRequest) -> list[Organization]:
    """The organizations of the user, with ``approvals_pending`` and ``is_managed``, in one query.

    ``is_managed``: whether the user is an admin there.
    """
    if not hasattr(request, "_own_organizations"):
        waiting = Crew.objects.unscoped().not_deleted().filter(approvals_pending__gt=0)
        waiting = waiting.filter(organization=OuterRef("pk")).order_by().values("organization")
        number = Subquery(waiting.annotate(number=Sum("approvals_pending")).values("number"))
        admin = request.user.memberships.filter(organization=OuterRef("pk"), role=Role.ADMIN)
        own = request.user.organizations.annotate(approvals_pending=Coalesce(number, 0))
        request._own_organizations = list(own.annotate(is_managed=Exists(admin)))
    return request._own_organizations


def pending_approvals(request: HttpRequest) -> int:
    """Each crew keeps its own number, so this reads only the crews that have any."""
    if not request.user.is_superuser:
        return sum(own.approvals_pending for own in own_organizations(request))
    waiting = Crew.objects.visible_to(request.user).filter(approvals_pending__gt=0).order_by()
    return waiting.aggregate(total=Sum("approvals_pending"))["total"] or 0
