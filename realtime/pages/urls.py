"""The live pages."""

from django.urls import path

from realtime.pages import monitoring, replay, run_views, views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("monitoring/", monitoring.monitoring, name="monitoring"),
    path("monitoring/history/", monitoring.history, name="monitoring-history"),
    path("crews/<id:pk>/", views.crew, name="crew"),
    path("runs/<id:pk>/", run_views.run, name="run"),
    path("runs/<id:pk>/live/", run_views.run_live, name="run-live"),
    path("runs/<id:pk>/recording/", replay.recording, name="run-recording"),
    path("runs/<id:pk>/moment/", replay.moment, name="run-moment"),
]
