from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crews.models import Agent, Crew, Organization, Task


class OrganizationSerializer(serializers.ModelSerializer):
    class Meta:
        model = Organization
        fields = read_only_fields = ["name", "slug"]


class AgentSerializer(serializers.ModelSerializer):
    agent_id = serializers.SlugField(source="slug", read_only=True)

    class Meta:
        model = Agent
        fields = read_only_fields = ["agent_id", "name", "role"]


class StepSerializer(serializers.Serializer):
    tool = serializers.CharField()
    params = serializers.DictField()


class TaskSerializer(serializers.ModelSerializer):
    task_id = serializers.UUIDField(source="id", read_only=True)
    agent_id = serializers.SlugField(source="agent.slug", read_only=True)
    after = serializers.ListField(
        child=serializers.UUIDField(),
        read_only=True,
        help_text="The `task_id`s of the tasks that have to succeed before it begins.",
    )
    steps = serializers.SerializerMethodField(
        help_text="The tool calls in order, without the secrets in their parameters."
    )

    class Meta:
        model = Task
        fields = read_only_fields = [
            "task_id", "name", "agent_id", "after", "steps", "continue_on_error",
        ]  # fmt: skip

    @extend_schema_field(StepSerializer(many=True))
    def get_steps(self, task: Task) -> list[dict[str, Any]]:
        return import_string(settings.CREWS_STEPS_REDACTOR)(task.steps)


class CrewSerializer(serializers.ModelSerializer):
    organization = OrganizationSerializer(read_only=True)
    status = serializers.ChoiceField(choices=Crew.Status.choices, read_only=True)
    agents = AgentSerializer(many=True, read_only=True)
    tasks = TaskSerializer(many=True, read_only=True)

    class Meta:
        model = Crew
        fields = read_only_fields = [
            "id", "organization", "name", "slug", "description", "is_active", "status",
            "max_parallel", "own_directories", "agents", "tasks",
        ]  # fmt: skip

    def to_representation(self, crew: Crew) -> dict[str, Any]:
        shown = super().to_representation(crew)
        known = {task["task_id"] for task in shown["tasks"]}
        for task in shown["tasks"]:  # an id may be of a task that was deleted since
            task["after"] = [pk for pk in task["after"] if pk in known]
        return shown
