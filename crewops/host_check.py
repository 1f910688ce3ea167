"""Requests for a host name that is not in ``ALLOWED_HOSTS`` get 400, except those of monitors."""

from django.http import HttpRequest, HttpResponse
from django.middleware.common import CommonMiddleware

# Load balancers and Prometheus ask by address and port. These pages contain no host name, and
# nothing in them depends on it.
ANY_HOST = ("/healthz", "/readyz", "/metrics")


class HostCheck(CommonMiddleware):
    """Django's middleware, which checks the host name first of all."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        return None if request.path_info in ANY_HOST else super().process_request(request)
