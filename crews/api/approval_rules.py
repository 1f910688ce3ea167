"""The approval rules of an organization and its crews."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crews.api.organizations import MEMBER_REFUSED, ManagedOrganizationView
from crews.models import ApprovalRule, Crew


class OwnCrew(serializers.SlugRelatedField):
    """A crew of the organization of the URL, by its slug."""

    def get_queryset(self) -> QuerySet[Crew]:
        view = self.context["view"]
        crews = Crew.objects.managed_by(view.request.user)
        return crews.filter(organization__slug=view.kwargs["slug"])


class ApprovalRuleSerializer(serializers.ModelSerializer):
    crew = OwnCrew(
        "slug",
        allow_null=True,
        default=None,
        help_text="The slug of a crew; null: every crew of the organization.",
    )
    warning = serializers.SerializerMethodField(
        help_text="Why the rule has no effect now; empty if a step matches. Only after saving."
    )

    class Meta:
        model = ApprovalRule
        fields = [
            "id", "crew", "tool", "params", "agent_id", "is_enabled", "expires_after_s",
            "admins_only", "created_at", "warning",
        ]  # fmt: skip
        read_only_fields = ["id", "created_at"]
        # Without it an empty body would make every call of every crew wait.
        extra_kwargs = {"tool": {"required": True}}

    def get_warning(self, rule: ApprovalRule) -> str:
        return rule.warning() if self.context.get("was_saved") else ""


class _Rules(ManagedOrganizationView):
    subject = "Approval rules are"
    queryset = ApprovalRule.objects.none()
    serializer_class = ApprovalRuleSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[ApprovalRule]:
        return (
            ApprovalRule.objects.managed_by(self.request.user)
            .filter(organization=self.managed_organization())
            .select_related("crew")
        )

    def get_serializer_context(self) -> dict[str, Any]:
        was_saved = self.request.method in ("POST", "PATCH")
        return super().get_serializer_context() | {"was_saved": was_saved}


@extend_schema_view(
    get=extend_schema(responses={200: ApprovalRuleSerializer(many=True), 403: MEMBER_REFUSED}),
    post=extend_schema(responses={201: ApprovalRuleSerializer, 403: MEMBER_REFUSED}),
)
class ApprovalRuleListView(_Rules, generics.ListCreateAPIView):
    """The rules by which tool calls wait for approval. Only for the organization's admins."""

    ordering = ("created_at", "id")

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.organization = self.managed_organization()  # before the body is read
        response = super().create(request, *args, **kwargs)
        place = [self.organization.slug, response.data["id"]]
        response.headers["Location"] = reverse("api-approval-rule", args=place, request=request)
        return response

    def perform_create(self, serializer: ApprovalRuleSerializer) -> None:
        serializer.save(organization=self.organization)


@extend_schema_view(
    get=extend_schema(responses={200: ApprovalRuleSerializer, 403: MEMBER_REFUSED}),
    delete=extend_schema(responses={204: None, 403: MEMBER_REFUSED}),
    patch=extend_schema(responses={200: ApprovalRuleSerializer, 403: MEMBER_REFUSED}),
)
class ApprovalRuleView(_Rules, generics.RetrieveUpdateDestroyAPIView):
    """One approval rule. Only for the organization's admins."""

    http_method_names = ["get", "head", "options", "patch", "delete"]

    def get_queryset(self) -> QuerySet[ApprovalRule]:
        """For PATCH the rule is locked: all its fields are saved, also those not in the body."""
        rows = super().get_queryset()
        return rows.select_for_update(of=("self",)) if self.request.method == "PATCH" else rows

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            return super().update(request, *args, **kwargs)
