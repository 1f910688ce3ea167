from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from crews.admin.scoped import ReadOnly, SuperusersOnly
from crews.audit.sign_in import unlocked


@admin.register(AccessAttempt)
class FailedSignInAdmin(ReadOnly, SuperusersOnly, ModelAdmin):
    """It names users of all organizations. Deleting one unlocks."""

    list_display = ["username", "ip_address", "failures", "locked", "attempt_time", "user_agent"]
    search_fields = ["username", "ip_address"]
    list_fullwidth = True
    fields = ["username", "ip_address", "failures", "attempt_time", "path_info", "user_agent"]
    readonly_fields = ["failures"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessAttempt]:
        attempts = super().get_queryset(request)
        if not request.user.is_superuser:
            return attempts.none()
        # There is one row per browser. The lock counts their sum.
        same = AccessAttempt.objects.filter(
            username=OuterRef("username"), ip_address=OuterRef("ip_address")
        ).order_by()
        together = same.values("username").annotate(sum=Sum("failures_since_start"))
        return attempts.annotate(together=Subquery(together.values("sum")))

    def delete_model(self, request: HttpRequest, obj: AccessAttempt) -> None:
        self.delete_queryset(request, AccessAttempt.objects.filter(pk=obj.pk))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        """Delete the rows of all browsers with the same names and addresses, which lock as one."""
        locked = set()
        for username, address in set(queryset.values_list("username", "ip_address")):
            same = AccessAttempt.objects.filter(username=username, ip_address=address)
            failures = same.aggregate(sum=Sum("failures_since_start", default=0))["sum"]
            if failures >= settings.AXES_FAILURE_LIMIT:
                locked.add(username or "")
            same.delete()
        for username in sorted(locked):
            unlocked(username)

    @display(description="Failures", ordering="failures_since_start")
    def failures(self, attempt: AccessAttempt) -> int:
        return attempt.failures_since_start

    @display(description="State", label={"Locked": "danger"})
    def locked(self, attempt: AccessAttempt) -> str | None:
        return "Locked" if attempt.together >= settings.AXES_FAILURE_LIMIT else None
