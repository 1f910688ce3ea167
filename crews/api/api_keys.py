"""The API keys of an organization: created, listed and revoked. A key's text is shown once."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crews.api.choices import MultipleChoiceField
from crews.api.organizations import MEMBER_REFUSED, ManagedOrganizationView
from crews.models import ApiKey
from crews.models.api_key import LONGEST_DAYS, Scope


class ApiKeySerializer(serializers.ModelSerializer):
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    created_by = serializers.SlugRelatedField("username", read_only=True, allow_null=True)
    state = serializers.ChoiceField(choices=["valid", "expired", "revoked"], read_only=True)

    class Meta:
        model = ApiKey
        fields = read_only_fields = [
            "id", "name", "prefix", "scopes", "state", "created_at", "created_by",
            "expires_at", "revoked_at", "last_used_at",
        ]  # fmt: skip


class NewApiKeySerializer(serializers.Serializer):
    name = serializers.CharField(max_length=100, help_text="What uses the key, for people.")
    scopes = MultipleChoiceField(choices=Scope.choices, allow_empty=False)
    days = serializers.IntegerField(
        min_value=1,
        max_value=LONGEST_DAYS,
        default=None,
        allow_null=True,
        help_text="After so many days the key expires. Without it the key does not expire.",
    )


class IssuedApiKeySerializer(ApiKeySerializer):
    key = serializers.CharField(read_only=True, help_text="The key itself. No other answer has it.")

    class Meta(ApiKeySerializer.Meta):
        fields = read_only_fields = [*ApiKeySerializer.Meta.fields, "key"]


class _ApiKeys(ManagedOrganizationView):
    subject = "API keys are"
    queryset = ApiKey.objects.none()
    serializer_class = ApiKeySerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[ApiKey]:
        keys = ApiKey.objects.managed_by(self.request.user).select_related("created_by")
        return keys.filter(organization=self.managed_organization())


@extend_schema_view(
    get=extend_schema(responses={200: ApiKeySerializer(many=True), 403: MEMBER_REFUSED})
)
class ApiKeyListView(_ApiKeys, generics.ListAPIView):
    """The organization's API keys, newest first, without their texts. Only for its admins."""

    ordering = ("-created_at", "id")

    @extend_schema(
        request=NewApiKeySerializer, responses={201: IssuedApiKeySerializer, 403: MEMBER_REFUSED}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Creates a key. Keep `key` of the response: it is shown only once and stored as a hash."""
        organization = self.managed_organization()  # before the body is read
        body = NewApiKeySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        days = body.validated_data["days"]
        key, text = ApiKey.objects.issue(
            organization=organization,
            name=body.validated_data["name"],
            scopes=list(body.validated_data["scopes"]),
            by=request.user,
            expires_at=days and timezone.now() + timedelta(days=days),
        )
        key.key = text
        place = reverse("api-api-key", args=[slug, key.pk], request=request)
        return Response(
            IssuedApiKeySerializer(key).data, status.HTTP_201_CREATED, headers={"Location": place}
        )


@extend_schema_view(get=extend_schema(responses={200: ApiKeySerializer, 403: MEMBER_REFUSED}))
class ApiKeyView(_ApiKeys, generics.RetrieveAPIView):
    """One API key without its text. Only for the organization's admins."""

    @extend_schema(responses={204: None, 403: MEMBER_REFUSED})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revokes the key. Calls with it fail at once; its sockets close within two seconds."""
        self.get_object().revoke()
        return Response(status=status.HTTP_204_NO_CONTENT)
