from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import F, Q, QuerySet
from django.db.models.lookups import In
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from crews.admin.deleting import DeletesInBackground
from crews.admin.large_tables import LargeTableAdmin, id_begins_with
from crews.admin.scoped import ReadOnly, ScopedAdmin, ScopedFilter
from crews.models import Crew
from crews.scoping import NotByIndex
from crews.tracking import InvalidState
from runs.admin.badge import badge
from runs.admin.message_form import MESSAGE_IS_READ, MessageForm
from runs.admin.record_actions import RecordActions, asked, forward
from runs.admin.run_tasks import RUN_COLOURS, TaskInline
from runs.execution import controls, removal
from runs.models import Control, Run


@admin.register(Run)
class RunAdmin(DeletesInBackground, LargeTableAdmin, ReadOnly, RecordActions, ScopedAdmin):
    """Read-only, but a superuser may delete a run that has ended."""

    list_display = ["__str__", "organization", "status_label", "starter", "created_at", "took"]
    list_filter = [
        "status",
        "created_at",
        ("crew", ScopedFilter),
        ("crew__organization", ScopedFilter),
    ]
    list_select_related = ["crew__organization", "started_by"]
    sortable_by = ["created_at"]
    search_fields = ["id"]
    search_help_text = "A run's id, or how it begins; a crew"
    fields = [
        ("crew", "organization"),
        ("status_label", "took"),
        ("reason", "message"),
        ("starter", "is_public"),
        ("parent", "retry"),
        ("created_at", "started_at", "ended_at"),
        ("worker", "tools_tier"),
    ]
    readonly_fields = ["organization", "status_label", "took", "starter", "created_at"]
    inlines = [TaskInline]
    actions_detail = [
        "pause", "unpause", "message", "cancel", "run_again", "resume", "open_live_page",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        return super().get_queryset(request).defer("plan", "remains")

    def delete_records(self, records: Iterable[Run]) -> None:
        removal.delete([run.pk for run in records])

    def matching(self, request: HttpRequest, term: str) -> Q:
        crews = Crew.objects.visible_to(request.user)
        crews = list(
            crews.filter(Q(name__icontains=term) | Q(slug=term)).values_list("pk", flat=True)
        )
        if len(crews) > 1:  # SQLite would sort all their runs; those of one crew come in order
            return id_begins_with(term) | Q(In(NotByIndex(F("crew")), crews))
        return id_begins_with(term) | Q(crew__in=crews)

    def has_delete_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return request.user.is_superuser and (obj is None or obj.is_over)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        actions = super().get_actions_detail(request, object_id)
        if not actions:  # the user reaches no such run; the text may not even be an id
            return actions
        under_way = Run.objects.visible_to(request.user).active().filter(pk=object_id)
        found = under_way.values_list("pause_requested", "origin").first()  # None: it has ended
        if found is None:
            unfit = ["pause", "unpause", "message", "cancel"]
        else:
            paused, origin = found
            unfit = ["run_again", "resume", "pause" if paused else "unpause"]
            unfit += ["message"] if origin == Run.Origin.WORKER else []  # its tools read none
        return [offered for offered in actions if offered.path not in unfit]

    @action(
        description="Cancel run",
        icon="stop",
        permissions=["operate"],
        variant=ActionVariant.DANGER,
        dialog=asked(
            "Cancel this run?", "The tool at work is stopped and no other is started.", "Cancel run"
        ),
    )
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        run = Run.objects.operable_by(request.user).get(pk=object_id)
        control = run.cancel()
        if control and control.status == control.Status.REFUSED:
            messages.error(request, control.detail)
        elif run.is_over and run.status != Run.Status.CANCELLED:
            messages.info(request, f"Run {run} had ended already: {run.get_status_display()}.")
        else:
            messages.success(request, f"Run {run} is cancelled, its worker stops within seconds.")
        return forward(request, "runs_run_change", run.pk)

    @action(
        description="Pause run",
        icon="pause",
        permissions=["operate"],
        dialog=asked(
            "Pause this run?",
            "The tool at work is stopped where it can be, and no other begins.",
            "Pause run",
        ),
    )
    def pause(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, Control.Action.PAUSE)

    @action(
        description="Resume run",
        icon="play_arrow",
        permissions=["operate"],
        variant=ActionVariant.PRIMARY,
        dialog=asked("Resume this run?", "The run continues where it was paused.", "Resume run"),
    )
    def unpause(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, Control.Action.RESUME)

    @action(
        description="Send a message",
        icon="chat",
        permissions=["operate"],
        dialog=asked("Send a message to this run", MESSAGE_IS_READ, "Send", MessageForm),
    )
    def message(self, request: HttpRequest, form: MessageForm, object_id: str) -> HttpResponse:
        text = form.cleaned_data["text"]
        return self._ask(request, object_id, Control.Action.MESSAGE, text=text)

    def _ask(
        self, request: HttpRequest, object_id: str, action: str, **options: str
    ) -> HttpResponse:
        run = Run.objects.operable_by(request.user).get(pk=object_id)
        try:
            control = controls.ask(run, action, **options)
        except InvalidState as refusal:
            messages.error(request, str(refusal))
            return forward(request, "runs_run_change", run.pk)
        if control.refusal:
            messages.error(request, control.refusal)
        else:
            name, status = control.get_action_display(), control.get_status_display().lower()
            messages.success(request, f"{name} of run {run}: {status}.")
        return forward(request, "runs_run_change", run.pk)

    @action(
        description="Run again",
        icon="replay",
        permissions=["operate"],
        variant=ActionVariant.PRIMARY,
        dialog=asked(
            "Run it again?", "The crew's tasks as they are now, in a new workspace.", "Run again"
        ),
    )
    def run_again(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._again(request, object_id, from_failed=False)

    @action(
        description="From the failed task",
        icon="resume",
        permissions=["operate"],
        dialog=asked(
            "Go on from the failed task?",
            "The run's tasks from the first that failed, in its workspace. "
            "If that is gone, all of the crew's tasks in a new one.",
            "Go on",
        ),
    )
    def resume(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._again(request, object_id, from_failed=True)

    def _again(self, request: HttpRequest, object_id: str, *, from_failed: bool) -> HttpResponse:
        run = Run.objects.operable_by(request.user).get(pk=object_id)
        try:
            retry = run.run_again(user=request.user, from_failed=from_failed)
        except InvalidState as error:
            messages.error(request, str(error))
            return forward(request, "runs_run_change", run.pk)
        messages.success(request, f"Run {retry}: {retry.get_retry_display().lower()}.")
        return forward(request, "runs_run_change", retry.pk)

    @display(description="Organization", ordering="crew__organization__name")
    def organization(self, run: Run) -> str:
        return str(run.crew.organization)

    @display(description="Status", ordering="status")
    def status_label(self, run: Run) -> str:
        return badge(run, RUN_COLOURS)

    @display(description="Started by", ordering="started_by__username")
    def starter(self, run: Run) -> str:
        return run.started_by.get_username() if run.started_by else run.trigger

    @display(description="Took")
    def took(self, run: Run) -> str:
        return f"{run.duration_s:.1f} s" if run.started_at else ""
