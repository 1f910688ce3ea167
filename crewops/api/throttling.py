"""How many calls of the API a user or, where nobody is signed in, an address gets in a minute."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from crewops import rate
from realtime.addresses import counted


class CallLimit(BaseThrottle):
    """DRF's own would trust any ``X-Forwarded-For``, and wait for its cache."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.user.is_authenticated:
            return rate.count(f"user {request.user.pk}") <= settings.API_CALLS_PER_MINUTE
        address = counted(request.META.get("REMOTE_ADDR"))
        return rate.count(f"address {address}") <= settings.API_CALLS_PER_MINUTE_ANONYMOUS

    def wait(self) -> float:
        return rate.left_s()
