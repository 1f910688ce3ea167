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

from crews.token_authentication import AccessTokenAuthentication, read


class RefreshToken(tokens.RefreshToken):
    """A refresh token. It works once. The database stores only its id, and only when it ends.

    The library would store the text of every token in the database. A person who reads a backup
    could then use the token.
    """

    @classmethod
    def for_user(cls, user: AbstractBaseUser) -> Self:
        return super(tokens.BlacklistMixin, cls).for_user(user)

    def outstand(self) -> None:
        """Does nothing: a token that may still be used is not recorded."""

    def blacklist(self) -> None:
        """End the token. Raises ``TokenError`` if it has ended already, even a moment before."""
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
        # As for any other sign-in: reset the count of failures and record the time.
        user_logged_in.send(type(self.user), request=self.context["request"], user=self.user)
        return pair


@extend_schema_serializer(component_name="TokenRefresh")
class RefreshSerializer(TokenRefreshSerializer):
    """Refuses the token of a user who was deleted or deactivated, or whose password has changed."""

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
    """Sign in: exchange a username and password for a pair of tokens."""

    serializer_class = ObtainSerializer


@extend_schema(responses=TokenPairSerializer, auth=[])
@method_decorator(never_cache, name="dispatch")
class TokenRefreshView(views.TokenRefreshView):
    """Exchange a refresh token for a new pair of tokens. It works once.

    A changed password ends all tokens of the user.
    """

    serializer_class = RefreshSerializer


@extend_schema(responses={204: OpenApiResponse(description="It works no more.")}, auth=[])
class TokenRevokeView(views.TokenBlacklistView):
    """Sign out: the refresh token stops working. Access tokens stay valid until they expire."""

    serializer_class = RevokeSerializer

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        super().post(request, *args, **kwargs)
        return Response(status=status.HTTP_204_NO_CONTENT)
