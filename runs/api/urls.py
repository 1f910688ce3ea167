from django.urls import path

from runs.api.approvals import ApprovalListView, ApprovalView
from runs.api.budgets import CrewBudgetView, RunBudgetView
from runs.api.controls import ControlsView
from runs.api.model_calls import CrewUsageView, ModelCallListView
from runs.api.views import (
    RunCancelView,
    RunListView,
    RunRequestView,
    RunRetryView,
    RunView,
    ToolOutputView,
)

urlpatterns = [
    path("approvals/", ApprovalListView.as_view(), name="api-approvals"),
    path("approvals/<id:pk>/", ApprovalView.as_view(), name="api-approval"),
    path("crews/<id:pk>/budget/", CrewBudgetView.as_view(), name="api-crew-budget"),
    path("crews/<id:pk>/runs/", RunRequestView.as_view(), name="api-crew-runs"),
    path("crews/<id:pk>/usage/", CrewUsageView.as_view(), name="api-crew-usage"),
    path("runs/", RunListView.as_view(), name="api-runs"),
    path("runs/<id:pk>/", RunView.as_view(), name="api-run"),
    path("runs/<id:pk>/budget/", RunBudgetView.as_view(), name="api-run-budget"),
    path("runs/<id:pk>/cancel/", RunCancelView.as_view(), name="api-run-cancel"),
    path("runs/<id:pk>/controls/", ControlsView.as_view(), name="api-run-controls"),
    path("runs/<id:pk>/retry/", RunRetryView.as_view(), name="api-run-retry"),
    path("runs/<id:pk>/model-calls/", ModelCallListView.as_view(), name="api-run-model-calls"),
    path("tool-executions/<id:pk>/output/", ToolOutputView.as_view(), name="api-tool-output"),
]
