"""Access and refresh tokens for programs."""

from typing import Any

from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework_simplejwt import views
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.serializers import TokenRefreshSerializer


class TokenPairSerializer(serializers.Serializer):
    access = serializers.CharField(help_text="Goes with each request, for minutes.")
    refresh = serializers.CharField(help_text="Buys the next pair, for days.")


@extend_schema_serializer(component_name="TokenRefresh")
class RefreshSerializer(TokenRefreshSerializer):
    """Refuses the token of a user who is gone or deactivated, or whose password has changed."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        # The library checks the password claim of access tokens only.
        JWTAuthentication().get_user(self.token_class(attrs["refresh"]))
        return super().validate(attrs)


@extend_schema(responses=TokenPairSerializer, auth=[])
@method_decorator(never_cache, name="dispatch")
class TokenView(views.TokenObtainPairView):
    """Sign in: username and password for a pair of tokens."""


@extend_schema(responses=TokenPairSerializer, auth=[])
@method_decorator(never_cache, name="dispatch")
class TokenRefreshView(views.TokenRefreshView):
    """A new pair of tokens for a refresh token. A changed password ends all of them."""

    serializer_class = RefreshSerializer
