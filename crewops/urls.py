"""Every route of the project; each app lists its own."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("crews.urls")),
    path("", include("runs.urls")),
    path("", include("realtime.urls")),
]
