"""The admin of a crew, with its agents and its tasks on one page."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm, MultipleChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from crews.admin.crew_form import CrewChangeForm, CrewForm
from crews.admin.deleting import DeletesInBackground
from crews.admin.large_tables import counted
from crews.admin.scoped import RowsOfTheRecord, ScopedAdmin, ScopedFilter, ScopedInline
from crews.admin.stale import RefusesStale
from crews.admin.steps import StepsField
from crews.deletion import delete_crew
from crews.models import Agent, Crew, Task
from crews.models.budget import Measure
from crews.task_order import cycle_in, cycle_message

STATUS_COLOURS = {
    Crew.Status.AVAILABLE: "success",
    Crew.Status.BUSY: "warning",
    Crew.Status.OFFLINE: "danger",
}


ORDER_HELP = (
    "The lowest comes first; equal ones by name. Left empty: after the others. "
    "Saved rows can be dragged."
)


class OrderedRows(RowsOfTheRecord):
    """Numbers rows without an order: after the others, in the order of the form."""

    def add_fields(self, form: ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        if "order" not in form.fields:  # the user may only read
            return
        form.fields["order"].required = False
        if form.instance._state.adding:
            form.initial["order"] = None  # an empty field, not the 0 of the first place

    def clean(self) -> None:
        super().clean()
        changed = [f for f in self.forms if f not in self.deleted_forms and f.has_changed()]
        orders = [form.instance.order for form in self.initial_forms]
        orders += [form.cleaned_data.get("order") for form in changed]
        last = max((order for order in orders if order is not None), default=-1)
        for form in changed:
            if form.cleaned_data.get("order") is None:
                last += 1
                form.instance.order = form.cleaned_data["order"] = last


class OrderedInline(ScopedInline):
    """Rows with an ``order``. Saved rows can be dragged to another place."""

    formset = OrderedRows
    ordering_field = "order"

    def get_formset(self, request: HttpRequest, obj: Crew | None = None, **kwargs: Any) -> Any:
        return super().get_formset(request, obj, help_texts={"order": ORDER_HELP}, **kwargs)


class AgentFormSet(OrderedRows):
    def clean(self) -> None:
        """Refuse to delete an agent that has tasks.

        The tasks would be deleted with it, some of them while they are being edited.
        """
        super().clean()
        for form in self.deleted_forms:
            tasks = form.instance.tasks.values_list("name", flat=True)
            if tasks:
                raise ValidationError(
                    f"{form.instance} still has tasks: {', '.join(tasks)}. Delete them or give "
                    "them to another agent and save; then delete the agent."
                )


class AgentInline(OrderedInline, TabularInline):
    model = Agent
    formset = AgentFormSet
    fields = ["name", "slug", "role", "order"]
    prepopulated_fields = {"slug": ["name"]}


class TaskFormSet(OrderedRows):
    def add_fields(self, form: ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        if "after" in form.fields:
            others = [
                (str(task.pk), task.name) for task in self.get_queryset() if task != form.instance
            ]
            form.fields["after"].choices = others

    def clean(self) -> None:
        """Refuse tasks that wait for each other."""
        super().clean()
        kept = [form for form in self.initial_forms if form not in self.deleted_forms]
        names = {str(form.instance.pk): form.instance.name for form in kept}
        after = {
            str(form.instance.pk): [pk for pk in form.cleaned_data.get("after", ()) if pk in names]
            for form in kept
        }
        if cycle := cycle_in(after):
            raise ValidationError(cycle_message([names[pk] for pk in cycle]))


class TaskInline(OrderedInline, StackedInline):
    """``steps_help`` explains below each task's steps what they may contain."""

    hide_title = False
    model = Task
    formset = TaskFormSet
    fields = [("name", "agent"), ("order", "continue_on_error"), "after", "steps"]
    steps_help = Task._meta.get_field("steps").help_text

    def get_formset(self, request: HttpRequest, obj: Crew | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        fields = formset.form.base_fields  # of a form class that is made for this call
        if "agent" in fields:
            fields["agent"].queryset = obj.agents.all()
            # The forms copy the field, so the choices are read once, not for each task's form.
            fields["agent"].choices = list(fields["agent"].choices)
        if "steps" in fields:
            fields["steps"].help_text = format_html("{}. {}", self.steps_help, _secrets_of(obj))
        return formset

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "steps":
            return db_field.formfield(form_class=StepsField)
        if db_field.name == "after":
            return MultipleChoiceField(
                required=False,
                label="After",
                help_text=f"{db_field.help_text} A new task can be chosen once it is saved.",
                widget=UnfoldAdminCheckboxSelectMultipleWidget,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)


def _secrets_of(crew: Crew) -> str:
    """For people who edit steps: the values of a parameter that names a secret."""
    secrets = crew.organization.secrets.values_list("name", "host")
    if not secrets:
        return "The organization has no secret to name yet."
    listed = format_html_join(", ", "<code>{}</code> (for {})", secrets)
    return format_html("Secrets to name as credential: {}.", listed)


BUDGET_ROWS = [
    (f"budget_run_{name}", f"budget_day_{name}") for name in (*Measure.values, "at_limit")
] + ["budget_zone"]


class CrewAdmin(DeletesInBackground, RefusesStale, ScopedAdmin):
    """``runs.admin`` registers it."""

    form, change_form = CrewForm, CrewChangeForm
    list_display = ["name", "organization", "status_label", "agent_count", "task_count"]
    list_filter = ["is_active", "activity", ("organization", ScopedFilter)]
    list_select_related = ["organization"]
    search_fields = ["name", "slug", "organization__name"]
    ordering = ["organization__name", "name"]
    fields = [
        *[("organization", "is_active"), ("name", "slug"), "description"],
        ("max_active_runs", "max_parallel"),
        "own_directories",
        *BUDGET_ROWS,
    ]
    task_inline = TaskInline

    class Media:
        js = ["crews/admin_rows.js", "crews/admin_once.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        counts = {
            "agent_count": counted(Agent.objects.unscoped(), "crew"),
            "task_count": counted(Task.objects.unscoped(), "crew"),
        }
        return super().get_queryset(request).annotate(**counts)

    def delete_records(self, records: Iterable[Crew]) -> None:
        for crew in records:
            delete_crew(crew)

    def get_inlines(self, request: HttpRequest, obj: Crew | None) -> list[Any]:
        """Tasks come after the crew has been saved, because a task needs an agent to choose."""
        return [AgentInline, self.task_inline] if obj else [AgentInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Crew | None = None) -> list[str]:
        # its runs would move with it and disappear from its members' lists
        return ["organization"] if obj else []

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Crew | None = None
    ) -> dict[str, list[str]]:
        return {} if obj else {"slug": ["name"]}

    def response_add(
        self, request: HttpRequest, obj: Crew, post_url_continue: str | None = None
    ) -> HttpResponse:
        if "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        self.message_user(request, f"{obj} is there. Now give its agents tasks.", messages.SUCCESS)
        return HttpResponseRedirect(
            reverse(f"{self.admin_site.name}:crews_crew_change", args=[obj.pk])
        )

    @display(description="Status", label=STATUS_COLOURS)
    def status_label(self, crew: Crew) -> str:
        return crew.status

    @display(description="Agents", ordering="agent_count")
    def agent_count(self, crew: Crew) -> int:
        return crew.agent_count

    @display(description="Tasks", ordering="task_count")
    def task_count(self, crew: Crew) -> int:
        return crew.task_count
