"""``/metrics``: the counts of all processes of this machine, for Prometheus.

Each process counts in its own files in ``METRICS_DIR``, and any web process adds them up. A process
that has ended leaves its files behind, so no count decreases until the stack is restarted.
"""

from functools import cache
from pathlib import Path

import psutil
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from crewops import redis_rate_limit
from crewops.request_context import known_labels as requests_known
from realtime.metrics import known_labels as realtime_known
from realtime.sockets.addresses import counted
from runs.database_metrics import DatabaseMetrics
from runs.metrics import known_labels as runs_known

ABSENT = "There are no metrics here: METRICS_TOKEN is not set.\n"
TOO_MANY = "Too many calls without the right token. Wait as Retry-After says.\n"
TOKEN_REQUIRED = "Send the header: Authorization: Bearer <METRICS_TOKEN>\n"


@csrf_exempt
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics as text.

    404 if ``METRICS_TOKEN`` is not set, 401 for a request without it, 429 for an address that sends
    too many of those.
    """
    if not settings.METRICS_TOKEN:
        return HttpResponse(ABSENT, status=404, content_type="text/plain")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token, settings.METRICS_TOKEN):
        calls = redis_rate_limit.count(f"address {counted(request.META.get('REMOTE_ADDR'))}")
        if calls > settings.API_CALLS_PER_MINUTE_ANONYMOUS:
            headers = {"Retry-After": str(int(redis_rate_limit.left_s()) + 1)}
            return HttpResponse(TOO_MANY, status=429, content_type="text/plain", headers=headers)
        headers = {"WWW-Authenticate": "Bearer"}
        return HttpResponse(TOKEN_REQUIRED, status=401, content_type="text/plain", headers=headers)
    start_at_zero()
    drop_gauges_of_ended_processes()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    registry.register(DatabaseMetrics())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


@cache
def start_at_zero() -> None:
    """Create the series of known labels at 0: `increase()` misses a new series' first count."""
    for metric, known in (runs_known() | realtime_known() | requests_known()).items():
        for labels in known:
            metric.labels(*labels)


def drop_gauges_of_ended_processes() -> None:
    """Remove the open sockets of killed processes, which did not report that they closed."""
    for file in settings.METRICS_DIR.glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not _is_alive(pid, file):
            mark_process_dead(pid)


def _is_alive(pid: int, file: Path) -> bool:
    try:
        # A later process may have the same pid. It started after the file was written.
        return psutil.Process(pid).create_time() <= file.stat().st_mtime
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
