from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crews.api.choices import ChoiceField
from runs.api.model_calls import UsageSerializer
from runs.execution.waits import Wait, Waits
from runs.models import Run, TaskExecution, ToolExecution

PENDING = "pending"  # status of a task that has not started


class ToolExecutionSerializer(serializers.ModelSerializer):
    execution_id = serializers.UUIDField(source="id", read_only=True)
    duration_s = serializers.FloatField(read_only=True)
    output_length = serializers.IntegerField(
        read_only=True, help_text="Characters of output so far."
    )
    output_url = serializers.HyperlinkedIdentityField(view_name="api-tool-output")

    class Meta:
        model = ToolExecution
        fields = read_only_fields = [
            "execution_id", "tool", "params", "status", "message", "progress", "exit_code",
            "started_at", "ended_at", "duration_s", "output_length", "output_url",
        ]  # fmt: skip


class RunTaskSerializer(serializers.Serializer):
    """A task of the run's plan and its result."""

    task_id = serializers.UUIDField()
    name = serializers.CharField()
    agent_id = serializers.SlugField()
    status = serializers.ChoiceField(choices=[(PENDING, "Pending"), *TaskExecution.Status.choices])
    reason = serializers.CharField(default="")
    message = serializers.CharField(default="", help_text="The reason, for a person.")
    started_at = serializers.DateTimeField(default=None, allow_null=True)
    ended_at = serializers.DateTimeField(default=None, allow_null=True)
    duration_s = serializers.FloatField(default=0.0)
    tool_executions = ToolExecutionSerializer(many=True)


def _or_null(source: str, help_text: str) -> serializers.CharField:
    """A text of a related record; null if there is no such record."""
    return serializers.CharField(
        source=source, default=None, read_only=True, allow_null=True, help_text=help_text
    )


class RunSerializer(serializers.ModelSerializer):
    crew_id = serializers.UUIDField(read_only=True)
    crew = serializers.CharField(
        source="crew_name", read_only=True, help_text="The crew's name at the time."
    )
    name = _or_null("reported.name", "Of a reported run: its name, as its program gave it.")
    key = _or_null("reported.key", "Of a reported run: `run` of its program's events.")
    message = serializers.CharField(read_only=True, help_text="The reason, for a person.")
    started_by = _or_null("started_by.username", "A username.")
    duration_s = serializers.FloatField(read_only=True)
    parent_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The run that this one repeats or goes on with."
    )
    retry = serializers.CharField(
        read_only=True,
        help_text="How it follows its parent: `again` carries out the crew's tasks as they are "
        "now, `resumed` the parent's from the first that failed, in its workspace; `restarted` "
        "was to, but the workspace was gone. Empty for no retry.",
    )
    trigger = serializers.CharField(
        read_only=True, help_text="`schedule` if the crew's schedule started it; else empty."
    )
    queue_position = serializers.SerializerMethodField(
        help_text="Of a queued run: its place in its organization's queue, from 1; else `null`."
    )
    wait = serializers.SerializerMethodField(
        help_text="What a queued run waits for, for a person; else empty."
    )
    tools_tier = serializers.CharField(
        read_only=True,
        help_text="The box its tools run in: namespaces, user, limits, none; "
        "empty until it starts.",
    )

    class Meta:
        model = Run
        fields = read_only_fields = [
            "id", "crew_id", "crew", "name", "key", "status", "reason", "message",
            "cancel_requested", "is_public", "started_by", "created_at", "started_at", "ended_at",
            "duration_s", "tools_tier", "parent_id", "retry", "queue_position", "wait", "origin",
            "pause_requested", "paused_at", "trigger",
        ]  # fmt: skip

    def get_queue_position(self, run: Run) -> int | None:
        wait = self._wait(run)
        return wait and wait.position

    def get_wait(self, run: Run) -> str:
        return str(self._wait(run) or "")

    def _wait(self, run: Run) -> Wait | None:
        return self.context.setdefault("waits", Waits()).of(run)


class RetrySerializer(serializers.Serializer):
    """Where a retry begins."""

    def get_fields(self) -> dict[str, serializers.Field]:
        where = ChoiceField(  # "from" is a reserved word in Python
            choices=[
                ("start", "The crew's tasks as they are now"),
                ("failed_task", "The run's tasks from the first that failed, in its workspace"),
            ],
            default="start",
        )
        return {"from": where}


class CarriedTaskSerializer(serializers.Serializer):
    """A task that an earlier run has completed for this one."""

    task_id = serializers.UUIDField()
    name = serializers.CharField()
    agent_id = serializers.SlugField()


class RunAgentSerializer(serializers.Serializer):
    agent_id = serializers.SlugField()
    name = serializers.CharField()
    role = serializers.CharField()
    parent_agent_id = serializers.SlugField(
        required=False, help_text="The agent that has called this one, where a report says so."
    )


class RunDetailSerializer(RunSerializer):
    """A run with every task of its plan; a task that has not started is ``pending``."""

    usage = UsageSerializer(read_only=True, help_text="Totals of its model calls.")
    agents = serializers.SerializerMethodField()
    tasks = serializers.SerializerMethodField()
    carried = CarriedTaskSerializer(
        many=True, read_only=True, help_text="Tasks that the runs before it have done for it."
    )

    class Meta(RunSerializer.Meta):
        fields = read_only_fields = [
            *(*RunSerializer.Meta.fields, "usage", "agents", "tasks", "carried"),
        ]

    @extend_schema_field(RunAgentSerializer(many=True))
    def get_agents(self, run: Run) -> list[dict[str, str]]:
        return run.plan["agents"]

    @extend_schema_field(RunTaskSerializer(many=True))
    def get_tasks(self, run: Run) -> list[dict[str, Any]]:
        executions = {str(task.task_id): task for task in run.task_executions.all()}
        pending = {"status": PENDING, "tool_executions": ()}
        tasks = [executions.get(task["task_id"], task | pending) for task in run.plan["tasks"]]
        return RunTaskSerializer(tasks, many=True, context=self.context).data
