from django.urls import path

from runs.api.views import (
    RunCancelView,
    RunListView,
    RunRequestView,
    RunRetryView,
    RunView,
    ToolOutputView,
)

urlpatterns = [
    path("crews/<id:pk>/runs/", RunRequestView.as_view(), name="api-crew-runs"),
    path("runs/", RunListView.as_view(), name="api-runs"),
    path("runs/<id:pk>/", RunView.as_view(), name="api-run"),
    path("runs/<id:pk>/cancel/", RunCancelView.as_view(), name="api-run-cancel"),
    path("runs/<id:pk>/retry/", RunRetryView.as_view(), name="api-run-retry"),
    path("tool-executions/<id:pk>/output/", ToolOutputView.as_view(), name="api-tool-output"),
]
