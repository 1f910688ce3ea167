"""Every route of the project. Each app lists its own."""

from django.contrib import admin
from django.urls import include, path, re_path

from crewops import demo_reporter, health, icon, metrics
from crewops.api.not_found import NotFoundView, TracesOnlyView
from crewops.api.traces import TracesView

PROGRAMS = ("v1/", "sse/", "agui/")

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("crewops.api.urls")),
    path("favicon.ico", icon.favicon, name="favicon"),
    path("healthz", health.alive, name="healthz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("readyz", health.ready, name="readyz"),
    path("demo/start/", demo_reporter.start_demo, name="demo-start"),
    # Where OTEL_EXPORTER_OTLP_ENDPOINT leads. An exporter follows no redirect.
    path("v1/traces", TracesView.as_view(), name="otlp-traces"),
    path("v1/traces/", TracesView.as_view()),
    path("v1/metrics", TracesOnlyView.as_view()),
    path("v1/logs", TracesOnlyView.as_view()),
    # What the routes of event streams and of OpenTelemetry do not know is no page.
    *(path(prefix, include([re_path("", NotFoundView.as_view())])) for prefix in PROGRAMS),
    path("", include("crews.urls")),
    path("", include("runs.pages.urls")),
    path("", include("runs.editor.urls")),
    path("", include("runs.notifications.urls")),
    path("", include("runs.schedules.urls")),
    path("", include("runs.search.urls")),
    path("", include("realtime.pages.urls")),
]
