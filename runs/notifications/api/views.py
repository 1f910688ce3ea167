"""The targets of an organization and their deliveries. The targets of persons have only pages."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import generics, serializers, status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crews.api.choices import ChoiceField, MultipleChoiceField
from crews.api.organizations import MEMBER_REFUSED, ManagedOrganizationView
from crews.models import Crew
from runs.notifications import services
from runs.notifications.kinds import CHOICES
from runs.notifications.models import Attempt, Delivery, Target
from runs.notifications.models.target import refusal

VIEWER_REFUSED = OpenApiResponse(description="Your role in the organization is viewer.")


class TargetSerializer(serializers.ModelSerializer):
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=CHOICES))
    service = serializers.ChoiceField(choices=services.CHOICES)
    crew_id = serializers.UUIDField(read_only=True, allow_null=True)
    created_by = serializers.SlugRelatedField("username", read_only=True, allow_null=True)
    shown = serializers.CharField(read_only=True, help_text="The address without its secrets.")

    class Meta:
        model = Target
        fields = read_only_fields = [
            "id", "name", "service", "kinds", "crew_id", "is_active", "shown",
            "created_at", "created_by",
        ]  # fmt: skip


class NewTargetSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=100)
    service = ChoiceField(choices=services.CHOICES)
    address = serializers.CharField(
        max_length=services.MAX_CHARS, write_only=True, help_text="No answer ever holds it."
    )
    kinds = MultipleChoiceField(choices=CHOICES, allow_empty=False)
    crew_id = serializers.UUIDField(
        default=None, allow_null=True, help_text="Only the runs of this crew. null: of every crew."
    )


class NewTargetAnswerSerializer(TargetSerializer):
    key = serializers.CharField(
        read_only=True, help_text="Signs a webhook's messages. No other answer has it."
    )

    class Meta(TargetSerializer.Meta):
        fields = read_only_fields = [*TargetSerializer.Meta.fields, "key"]


class AttemptSerializer(serializers.ModelSerializer):
    class Meta:
        model = Attempt
        fields = read_only_fields = ["number", "at", "duration_s", "code", "error", "reply"]


class DeliverySerializer(serializers.ModelSerializer):
    status = serializers.ChoiceField(choices=Delivery.Status.choices, read_only=True)
    event = serializers.DictField(read_only=True, help_text="What a webhook carries.")
    tries = AttemptSerializer(many=True, read_only=True)

    class Meta:
        model = Delivery
        fields = read_only_fields = [
            "id", "event_id", "event", "status", "note", "attempts",
            "created_at", "next_at", "ended_at", "tries",
        ]  # fmt: skip


class _Targets(ManagedOrganizationView):
    subject = "Notification targets are"
    queryset = Target.objects.none()
    serializer_class = TargetSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Target]:
        found = Target.objects.managed_by(self.request.user).filter(owner=None)
        of = self.managed_organization()
        return found.filter(organization=of).select_related("created_by")


@extend_schema_view(
    get=extend_schema(responses={200: TargetSerializer(many=True), 403: MEMBER_REFUSED})
)
class TargetListView(_Targets, generics.ListAPIView):
    """Whom the organization notifies, newest first. Only for its admins."""

    ordering = ("-created_at", "id")

    @extend_schema(
        request=NewTargetSerializer, responses={201: NewTargetAnswerSerializer, 403: MEMBER_REFUSED}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Adds a target. Keep `key` of a webhook: it is shown only once."""
        organization = self.managed_organization()  # before the body is read
        body = NewTargetSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = dict(body.validated_data)
        address, crew_id = values.pop("address"), values.pop("crew_id")
        crew = Crew.objects.visible_to(request.user).filter(pk=crew_id, organization=organization)
        if crew_id and not crew.exists():
            raise ValidationError({"crew_id": "There is no such crew in the organization."})
        if full := refusal(organization, None):
            raise ValidationError(full)
        values["kinds"] = sorted(values["kinds"])
        target = Target(
            organization=organization, crew_id=crew_id, created_by=request.user, **values
        )
        try:
            key = target.keep(address)
        except services.InvalidAddress as refused:
            raise ValidationError({"address": str(refused)}) from None
        target.save()
        answer = NewTargetAnswerSerializer(target).data | {"key": key}
        place = reverse("api-notification", args=[slug, target.pk], request=request)
        return Response(answer, status.HTTP_201_CREATED, headers={"Location": place})


@extend_schema_view(
    get=extend_schema(responses={200: TargetSerializer, 403: MEMBER_REFUSED}),
    delete=extend_schema(responses={204: None, 403: MEMBER_REFUSED}),
)
class TargetView(_Targets, generics.RetrieveDestroyAPIView):
    """One target without its address. Only for the organization's admins."""


class TestView(_Targets):
    """Sends a test to the target. Only for the organization's admins."""

    @extend_schema(request=None, responses={202: TargetSerializer, 403: MEMBER_REFUSED})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        target = self.get_object()
        Delivery.objects.unscoped().queue_test(target, by=request.user)
        return Response(TargetSerializer(target).data, status.HTTP_202_ACCEPTED)


@extend_schema_view(
    get=extend_schema(responses={200: DeliverySerializer(many=True), 403: MEMBER_REFUSED})
)
class DeliveryListView(_Targets, generics.ListAPIView):
    """What was sent to the target, newest first, with each attempt. Only for admins."""

    serializer_class = DeliverySerializer
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Delivery]:
        target = generics.get_object_or_404(super().get_queryset(), pk=self.kwargs["pk"])
        found = Delivery.objects.visible_to(self.request.user).filter(target=target)
        return found.prefetch_related("tries")


class SendAgainView(generics.GenericAPIView):
    """Queues a delivery once more, whatever became of it. For operators and admins."""

    key_scopes = {}
    queryset = Delivery.objects.none()
    serializer_class = DeliverySerializer
    filter_backends = ()

    @extend_schema(request=None, responses={202: DeliverySerializer, 403: VIEWER_REFUSED})
    def post(self, request: Request, pk: UUID) -> Response:
        visible = Delivery.objects.visible_to(request.user)
        delivery = generics.get_object_or_404(visible, pk=pk)
        if not Delivery.objects.operable_by(request.user).filter(pk=pk).exists():
            raise PermissionDenied("Your role lets you see this delivery but not send it again.")
        delivery.send_again()
        again = visible.prefetch_related("tries").get(pk=pk)
        return Response(DeliverySerializer(again).data, status.HTTP_202_ACCEPTED)
