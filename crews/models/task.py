import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.module_loading import import_string

from crews.models.crew import Crew
from crews.tracking import TrackedModel, TrackedQuerySet


def validate_steps(steps: list) -> None:
    """Refuse steps that no tool could execute.

    ``CREWS_STEPS_VALIDATOR`` names the function that knows the tools.
    """
    import_string(settings.CREWS_STEPS_VALIDATOR)(steps)


def validate_secrets(steps: list, crew: Crew) -> None:
    """Refuse steps that name secrets which the crew's organization does not have."""
    try:
        import_string(settings.CREWS_SECRETS_VALIDATOR)(steps, crew.organization_id)
    except ValidationError as refused:
        raise ValidationError({"steps": refused.messages}) from None


def validate_after(after: list) -> None:
    """Refuse anything but a list of tasks' ids. Cycles are refused where a whole crew is edited."""
    try:
        if not isinstance(after, list) or [str(uuid.UUID(pk)) for pk in after] != after:
            raise ValueError
    except (ValueError, TypeError, AttributeError):
        raise ValidationError("Give a list of ids of tasks of the crew.") from None
    if len({*after}) < len(after):
        raise ValidationError("Name each task once.")


class TaskQuerySet(TrackedQuerySet):
    organization_path = "crew__organization"
    deletable = ("crew__",)


class Task(TrackedModel):
    """Work for one agent: a list of tool calls, ``[{"tool": name, "params": {...}}]``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    crew = models.ForeignKey("crews.Crew", on_delete=models.CASCADE, related_name="tasks")
    agent = models.ForeignKey("crews.Agent", on_delete=models.CASCADE, related_name="tasks")
    name = models.CharField(max_length=100)
    order = models.PositiveSmallIntegerField(default=0)
    # Ids of tasks of the crew. An id of a task that was deleted since means nothing.
    after = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),  # of processes that do not know the field
        blank=True,
        validators=[validate_after],
        help_text="The task begins when these have succeeded. None: it waits for no other.",
    )
    continue_on_error = models.BooleanField(
        default=False, help_text="Go on with the other tasks when this one fails."
    )
    steps = models.JSONField(
        default=list,
        validators=[validate_steps],
        help_text='Tool calls in order: [{"tool": "script", "params": {"interpreter": "bash", '
        '"code": "ls"}}]',
    )

    objects = TaskQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["crew", "order", "name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        if self.agent_id and self.crew_id and self.agent.crew_id != self.crew_id:
            raise ValidationError({"agent": "Choose an agent of the same crew."})
        if isinstance(self.after, list) and str(self.pk) in self.after:
            raise ValidationError({"after": "A task cannot come after itself."})
        if self.crew_id:
            validate_secrets(self.steps, self.crew)
