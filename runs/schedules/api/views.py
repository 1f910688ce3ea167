"""The schedule of a crew. Members read it; the organization's admins set and delete it.

So do programs with an API key of the scope ``operate``, which an admin has made for them.
"""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crews.api.choices import ChoiceField
from crews.key_holder import KeyHolder
from crews.lookups import record_or_404
from crews.models import Crew
from runs.schedules.models import Fire, Schedule
from runs.schedules.models.schedule import ADMINS_SET_SCHEDULES

NOT_ADMIN = OpenApiResponse(description="You are not an admin of the crew's organization.")
FIRES_SHOWN = 10


class FireSerializer(serializers.ModelSerializer):
    outcome = serializers.CharField(
        read_only=True,
        help_text="`started`, `waiting` (for the end of a run), `skipped` (a run was under way) or "
        "`missed`.",
    )
    run_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = Fire
        fields = read_only_fields = ["due_at", "outcome", "detail", "run_id"]


class ScheduleSerializer(serializers.ModelSerializer):
    crew_id = serializers.UUIDField(read_only=True)
    overlap = ChoiceField(
        choices=Schedule.Overlap.choices,
        default=Schedule.Overlap.SKIP,
        help_text="What to do when a run of the crew waits or is running.",
    )
    missed = ChoiceField(
        choices=Schedule.Missed.choices,
        default=Schedule.Missed.ONCE,
        help_text="What to do with fire times at which no scheduler was running.",
    )
    next_times = serializers.ListField(
        child=serializers.DateTimeField(),
        read_only=True,
        help_text="The next fire times, at most five; none while it is switched off.",
    )
    created_by = serializers.SlugRelatedField("username", read_only=True, allow_null=True)
    updated_by = serializers.SlugRelatedField("username", read_only=True, allow_null=True)
    fires = serializers.SerializerMethodField(help_text="The last fire times, newest first.")

    class Meta:
        model = Schedule
        fields = [
            "crew_id", "expression", "zone", "overlap", "missed", "is_enabled", "next_times",
            "created_at", "created_by", "updated_at", "updated_by", "fires",
        ]  # fmt: skip
        # A field that is left out gets its default: a PUT replaces the schedule.
        extra_kwargs = {"zone": {"default": "UTC"}, "is_enabled": {"default": True}}
        read_only_fields = ["created_at", "updated_at"]

    @extend_schema_field(FireSerializer(many=True))
    def get_fires(self, schedule: Schedule) -> list[dict[str, Any]]:
        return FireSerializer(Fire.objects.of(schedule)[:FIRES_SHOWN], many=True).data


class ScheduleView(generics.GenericAPIView):
    """The times at which runs of the crew start automatically."""

    key_scopes = {"GET": "watch", "HEAD": "watch", "PUT": "operate", "DELETE": "operate"}
    queryset = Schedule.objects.none()
    serializer_class = ScheduleSerializer
    filter_backends = ()

    @extend_schema(responses={200: ScheduleSerializer})
    def get(self, request: Request, pk: UUID) -> Response:
        """The schedule with its next and last fire times. 404 if the crew has none."""
        return Response(self.get_serializer(self._schedule(self._crew())).data)

    @extend_schema(
        responses={200: ScheduleSerializer, 201: ScheduleSerializer, 403: NOT_ADMIN},
    )
    def put(self, request: Request, pk: UUID) -> Response:
        """Sets the schedule: 201 if the crew had none.

        For admins of the organization and API keys with `operate`.
        """
        crew = self._managed()
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        by = None if isinstance(request.user, KeyHolder) else request.user
        schedule, is_new = Schedule.objects.put(crew, by=by, **body.validated_data)
        data = self.get_serializer(schedule).data
        if not is_new:
            return Response(data)
        place = reverse("api-crew-schedule", args=[crew.pk], request=request)
        return Response(data, status.HTTP_201_CREATED, headers={"Location": place})

    @extend_schema(responses={204: None, 403: NOT_ADMIN})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Deletes the schedule with its fire times. Runs stay. For the same as PUT."""
        self._schedule(self._managed()).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _crew(self) -> Crew:
        return record_or_404(Crew.objects.visible_to(self.request.user), self.kwargs["pk"])

    def _managed(self) -> Crew:
        crew, user = self._crew(), self.request.user
        allowed = (
            Crew.objects.operable_by if isinstance(user, KeyHolder) else Crew.objects.managed_by
        )
        if not allowed(user).filter(pk=crew.pk).exists():
            raise PermissionDenied(ADMINS_SET_SCHEDULES)
        return crew

    def _schedule(self, crew: Crew) -> Schedule:
        visible: QuerySet[Schedule] = Schedule.objects.visible_to(self.request.user)
        rows = visible.select_related("created_by", "updated_by", "crew")
        return generics.get_object_or_404(rows, crew=crew)
