"""Every route of the project. Each app lists its own."""

from django.contrib import admin
from django.urls import include, path

from crewops import demo_reporter, health, icon, metrics
from crewops.api.traces import TracesView

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
    path("", include("crews.urls")),
    path("", include("runs.pages.urls")),
    path("", include("runs.editor.urls")),
    path("", include("runs.notifications.urls")),
    path("", include("runs.schedules.urls")),
    path("", include("runs.search.urls")),
    path("", include("realtime.pages.urls")),
]
