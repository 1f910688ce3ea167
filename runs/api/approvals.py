"""Tool calls that wait for a person: list, show, decide."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from structlog.contextvars import bind_contextvars

from crews.api.choices import ChoiceField
from runs.api.filters import ApprovalFilter
from runs.models import Approval
from runs.models.approval import DECISIONS, NOTE_LIMIT


class ApprovalSerializer(serializers.ModelSerializer):
    approval_id = serializers.UUIDField(source="id", read_only=True)
    run_id = serializers.UUIDField(read_only=True)
    crew_id = serializers.UUIDField(source="run.crew_id", read_only=True)
    crew = serializers.CharField(source="run.crew_name", read_only=True)
    seen = serializers.CharField(
        read_only=True, help_text="The digest of the call. A decision has to name it."
    )
    by = serializers.CharField(read_only=True, help_text="Who decided; empty if it expired.")

    class Meta:
        model = Approval
        fields = read_only_fields = [
            "approval_id", "run_id", "crew_id", "crew", "agent_id", "task_id", "tool", "params",
            "seen", "admins_only", "status", "requested_at", "expires_at", "decided_at", "by",
            "note",
        ]  # fmt: skip


class DecisionSerializer(serializers.Serializer):
    decision = ChoiceField(choices=[(name, name) for name in DECISIONS])
    seen = serializers.CharField(
        max_length=64, help_text="`seen` of the approval as it was shown to the person."
    )
    note = serializers.CharField(
        max_length=NOTE_LIMIT,
        default="",
        allow_blank=True,
        help_text="The reason, for the program and for people.",
    )


class _Approvals(generics.GenericAPIView):
    serializer_class = ApprovalSerializer

    def get_queryset(self) -> QuerySet[Approval]:
        return Approval.objects.visible_to(self.request.user).for_lists()


class ApprovalListView(_Approvals, generics.ListAPIView):
    """The tool calls of crews you can see that wait or waited for approval, newest first."""

    filterset_class = ApprovalFilter
    ordering = ("-requested_at", "-id")


class ApprovalView(_Approvals, generics.RetrieveAPIView):
    """One tool call that waits or waited for approval."""

    key_scopes = {"GET": "watch", "POST": "operate"}
    filter_backends = ()

    def get_object(self) -> Approval:
        approval = super().get_object()
        bind_contextvars(**approval.run.log_ids)
        return approval

    @extend_schema(
        request=DecisionSerializer,
        responses={
            200: ApprovalSerializer,
            400: OpenApiResponse(description="No decision, or a note that is too long."),
            403: OpenApiResponse(
                description="Your role is viewer, only admins decide about this call, or the API "
                "key lacks the scope `operate`."
            ),
            409: OpenApiResponse(
                description="It is decided already, which names who decided; it has expired; or "
                "`seen` is not the digest of this call."
            ),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Approves or denies the call. The first decision stays."""
        approval = self.get_object()
        if refusal := Approval.objects.refusal(request.user, pk):
            raise PermissionDenied(refusal)
        body = DecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        approval.decide(
            DECISIONS[given["decision"]],
            by=request.user.get_username(),
            seen=given["seen"],
            note=given["note"],
        )
        return Response(self.get_serializer(approval).data)
