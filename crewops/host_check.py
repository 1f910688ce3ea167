"""Requests for a host name that is not in ``ALLOWED_HOSTS`` get 400, except those of monitors."""

from django.http import HttpRequest, HttpResponse
from django.middleware.common import CommonMiddleware

from crewops.monitor_paths import MONITOR_PATHS


class HostCheck(CommonMiddleware):
    """Django's middleware, which checks the host name first of all.

    Monitors ask by address and port. Nothing in their pages depends on the host name.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        return None if request.path_info in MONITOR_PATHS else super().process_request(request)
