"""Read access to the audit trail of an organization."""

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import generics, serializers

from crews.api.organizations import MEMBER_REFUSED, ManagedOrganizationView
from crews.models import AuditEntry
from crews.models.audit_entry import Kind


class AuditEntrySerializer(serializers.ModelSerializer):
    changes = serializers.SerializerMethodField(help_text="`{field: [before, after]}`.")

    class Meta:
        model = AuditEntry
        fields = read_only_fields = [
            "id", "created_at", "kind", "way", "address", "actor_id", "actor_name",
            "object_type", "object_id", "object_name", "changes",
        ]  # fmt: skip

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "array", "items": {}}})
    def get_changes(self, entry: AuditEntry) -> dict[str, list]:
        return entry.changes


class AuditFilter(django_filters.FilterSet):
    """``?kind=``, which may be repeated, ``?actor=<user id>``, ``?object=<id>``."""

    kind = django_filters.MultipleChoiceFilter(
        choices=Kind.choices,
        distinct=False,  # a column of the entry itself repeats no row
        label="Entries of this kind, or of one of these.",
        error_messages={"invalid_choice": "%(value)s is no kind of entry."},
    )
    actor = django_filters.NumberFilter(
        "actor_id", label="What this user did.", min_value=1, max_value=2**63 - 1
    )
    object = django_filters.CharFilter("object_id", label="What was done to this object.")

    class Meta:
        model = AuditEntry
        fields = ["kind", "actor", "object"]


@extend_schema_view(
    get=extend_schema(responses={200: AuditEntrySerializer(many=True), 403: MEMBER_REFUSED})
)
class AuditListView(ManagedOrganizationView, generics.ListAPIView):
    """Actions in the organization, with their user and time, newest first. Only for its admins."""

    subject = "The audit trail is"
    queryset = AuditEntry.objects.none()
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[AuditEntry]:
        entries = AuditEntry.objects.visible_to(self.request.user)
        return entries.filter(organization_id=self.managed_organization().pk)
