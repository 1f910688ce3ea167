"""How many calls of the API a user or, where nobody is signed in, an address gets in a minute.

DRF looks at its throttles after authentication and permissions. A call that fails before, such as
one with a wrong token, is counted where it is turned into a problem: see `refuses_failed`.
"""

from typing import Any

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from crewops import rate
from realtime.addresses import counted


class CallLimit(BaseThrottle):
    """DRF's own would trust any ``X-Forwarded-For``, and wait for its cache."""

    def allow_request(self, request: Request, view: Any) -> bool:
        request._request.is_counted = True
        user = getattr(request, "_user", None)  # none where a call fails before authentication
        if user and user.is_authenticated:
            return rate.count(f"user {user.pk}") <= settings.API_CALLS_PER_MINUTE
        address = counted(request.META.get("REMOTE_ADDR"))
        return rate.count(f"address {address}") <= settings.API_CALLS_PER_MINUTE_ANONYMOUS

    def wait(self) -> float:
        return rate.left_s()


def refuses_failed(request: Request, view: Any) -> Throttled | None:
    """Count a call that failed before the throttles were asked; the refusal beyond the limit."""
    limit = CallLimit()
    if getattr(request._request, "is_counted", False) or limit.allow_request(request, view):
        return None
    return Throttled(limit.wait())
