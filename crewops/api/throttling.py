"""Limits of API calls per minute: per user, per API key or, without either, per client address.

DRF checks its throttles after authentication and permissions. A call that fails earlier, such as
one with an invalid token, is counted when its error is turned into a problem: see `refuses_failed`.
"""

from typing import Any

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from crewops import redis_rate_limit
from crews.key_holder import KeyHolder
from realtime.sockets.addresses import counted


class CallLimit(BaseThrottle):
    """Replaces DRF's throttle, which would trust any ``X-Forwarded-For`` and wait for its cache."""

    def allow_request(self, request: Request, view: Any) -> bool:
        request._request.is_counted = True
        user = getattr(request, "_user", None)  # not set if the call failed before authentication
        if isinstance(user, KeyHolder):
            return redis_rate_limit.count(f"key {user.key.pk}") <= settings.API_CALLS_PER_MINUTE
        if user and user.is_authenticated:
            return redis_rate_limit.count(f"user {user.pk}") <= settings.API_CALLS_PER_MINUTE
        address = counted(request.META.get("REMOTE_ADDR"))
        return (
            redis_rate_limit.count(f"address {address}") <= settings.API_CALLS_PER_MINUTE_ANONYMOUS
        )

    def wait(self) -> float:
        return redis_rate_limit.left_s()


def refuses_failed(request: Request, view: Any) -> Throttled | None:
    """Count a call that failed before the throttles ran. Return the refusal if over the limit."""
    limit = CallLimit()
    if getattr(request._request, "is_counted", False) or limit.allow_request(request, view):
        return None
    return Throttled(limit.wait())
