"""The secrets of an organization: created, listed, replaced and deleted, but never read."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, mixins, serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crews.api.organizations import MEMBER_REFUSED, ManagedOrganizationView
from crews.models import Secret
from crews.models.secret import validate_value


class SecretSerializer(serializers.ModelSerializer):
    value = serializers.CharField(
        write_only=True,
        validators=[validate_value],
        help_text="A password or token. No answer ever holds it.",
    )
    created_by = serializers.SlugRelatedField("username", read_only=True)
    updated_by = serializers.SlugRelatedField("username", read_only=True)

    class Meta:
        model = Secret
        fields = [
            "name", "host", "username", "value",
            "created_at", "created_by", "updated_at", "updated_by", "last_used_at",
        ]  # fmt: skip
        read_only_fields = ["created_at", "updated_at", "last_used_at"]

    def create(self, validated_data: dict[str, Any]) -> Secret:
        value, by = validated_data.pop("value"), validated_data.pop("by")
        secret = Secret(**validated_data)
        try:
            with transaction.atomic():
                secret.store(value, by=by)
        except IntegrityError:
            message = "The organization has a secret with this name already."
            raise ValidationError({"name": message}, code="unique") from None
        return secret

    def update(self, secret: Secret, validated_data: dict[str, Any]) -> Secret:
        value, by = validated_data.pop("value"), validated_data.pop("by")
        for name, given in validated_data.items():
            setattr(secret, name, given)
        secret.store(value, by=by)
        return secret


class ReplacedSecretSerializer(SecretSerializer):
    """Any change needs the value to be entered again. The name stays."""

    class Meta(SecretSerializer.Meta):
        read_only_fields = [*SecretSerializer.Meta.read_only_fields, "name"]
        extra_kwargs = {"host": {"required": False}}


class _Secrets(ManagedOrganizationView):
    subject = "Secrets are"
    queryset = Secret.objects.none()
    serializer_class = SecretSerializer
    filter_backends = ()
    lookup_field = lookup_url_kwarg = "name"

    def get_queryset(self) -> QuerySet[Secret]:
        return (
            Secret.objects.managed_by(self.request.user)
            .filter(organization=self.managed_organization())
            .select_related("created_by", "updated_by")
        )


@extend_schema_view(
    get=extend_schema(responses={200: SecretSerializer(many=True), 403: MEMBER_REFUSED}),
    post=extend_schema(responses={201: SecretSerializer, 403: MEMBER_REFUSED}),
)
class SecretListView(_Secrets, generics.ListCreateAPIView):
    """The organization's secrets by name, without their values. Only for its admins."""

    ordering = ("name",)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.organization = self.managed_organization()  # before the body is read
        response = super().create(request, *args, **kwargs)
        place = [self.organization.slug, response.data["name"]]
        response.headers["Location"] = reverse("api-secret", args=place, request=request)
        return response

    def perform_create(self, serializer: SecretSerializer) -> None:
        serializer.save(organization=self.organization, by=self.request.user)


@extend_schema_view(
    get=extend_schema(responses={200: SecretSerializer, 403: MEMBER_REFUSED}),
    delete=extend_schema(responses={204: None, 403: MEMBER_REFUSED}),
)
class SecretView(mixins.UpdateModelMixin, _Secrets, generics.RetrieveDestroyAPIView):
    """One secret without its value. Only for the organization's admins."""

    @extend_schema(
        request=ReplacedSecretSerializer, responses={200: SecretSerializer, 403: MEMBER_REFUSED}
    )
    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Replaces the value and, if given, host and user name. What is left out stays."""
        return self.update(request, *args, **kwargs)

    def get_serializer_class(self) -> type[SecretSerializer]:
        return ReplacedSecretSerializer if self.request.method == "PUT" else SecretSerializer

    def perform_update(self, serializer: SecretSerializer) -> None:
        serializer.save(by=self.request.user)
