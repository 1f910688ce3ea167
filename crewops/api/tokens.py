"""Access and refresh tokens for programs."""

from typing import Any, Self

from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt import tokens, views
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.serializers import (
    TokenBlacklistSerializer,
    TokenObtainPairSerializer,
    TokenRefreshSerializer,
)
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.utils import datetime_from_epoch

from crews.tokens import AccessTokenAuthentication, read


class RefreshToken(tokens.RefreshToken):
    """Works once. The database hears of it only then, and of its id alone.

    The library writes the text of every token it makes to the database, where whoever reads a
    backup could use it.
    """

    @classmethod
    def for_user(cls, user: AbstractBaseUser) -> Self:
        return super(tokens.BlacklistMixin, cls).for_user(user)

    def outstand(self) -> None:
        """Nothing to note down while it may be used."""

    def blacklist(self) -> None:
        """End it. Raises ``TokenError`` where it had ended before, also a moment before."""
        with transaction.atomic():
            known, _ = OutstandingToken.objects.get_or_create(
                jti=self["jti"],
                defaults={"token": "", "expires_at": datetime_from_epoch(self["exp"])},
            )
            _, ended_now = BlacklistedToken.objects.get_or_create(token=known)
        if not ended_now:
            raise TokenError("Token is blacklisted")


class TokenPairSerializer(serializers.Serializer):
    access = serializers.CharField(help_text="Goes with each request, for minutes.")
    refresh = serializers.CharField(help_text="Buys the next pair, once, for days.")


class ObtainSerializer(TokenObtainPairSerializer):
    token_class = RefreshToken

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        pair = super().validate(attrs)
        # As any other way to sign in: forgets failures, notes when it was.
        user_logged_in.send(type(self.user), request=self.context["request"], user=self.user)
        return pair


@extend_schema_serializer(component_name="TokenRefresh")
class RefreshSerializer(TokenRefreshSerializer):
    """Refuses the token of a user who is gone or deactivated, or whose password has changed."""

    token_class = RefreshToken

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        # The library checks the password claim of access tokens only.
        AccessTokenAuthentication().get_user(read(self.token_class, attrs["refresh"]))
        return super().validate(attrs)


@extend_schema_serializer(component_name="TokenRevoke")
class RevokeSerializer(TokenBlacklistSerializer):
    token_class = RefreshToken

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        read(self.token_class, attrs["refresh"])
        return super().validate(attrs)


@extend_schema(responses=TokenPairSerializer, auth=[])
@method_decorator(never_cache, name="dispatch")
class TokenView(views.TokenObtainPairView):
    """Sign in: username and password for a pair of tokens."""

    serializer_class = ObtainSerializer


@extend_schema(responses=TokenPairSerializer, auth=[])
@method_decorator(never_cache, name="dispatch")
class TokenRefreshView(views.TokenRefreshView):
    """A new pair of tokens for a refresh token, which works once. A changed password ends all of them."""

    serializer_class = RefreshSerializer


@extend_schema(responses={204: OpenApiResponse(description="It works no more.")}, auth=[])
class TokenRevokeView(views.TokenBlacklistView):
    """Sign out: the refresh token works no more. Access tokens hold until they expire."""

    serializer_class = RevokeSerializer

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        super().post(request, *args, **kwargs)
        return Response(status=status.HTTP_204_NO_CONTENT)
