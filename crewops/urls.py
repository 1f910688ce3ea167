"""Every route of the project; each app lists its own."""

from django.contrib import admin
from django.urls import include, path

from crewops import health, metrics

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("crewops.api.urls")),
    path("healthz", health.alive, name="healthz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("readyz", health.ready, name="readyz"),
    path("", include("crews.urls")),
    path("", include("runs.urls")),
    path("", include("realtime.urls")),
]
