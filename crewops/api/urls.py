"""URLs of the HTTP API. Each app lists its own."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from crewops.api.approval_requests import AskView
from crewops.api.claude_code import ClaudeCodeView
from crewops.api.not_found import NotFoundView
from crewops.api.reports import ReportView
from crewops.api.tokens import TokenRefreshView, TokenRevokeView, TokenView

urlpatterns = [
    path("token/", TokenView.as_view(), name="api-token"),
    path("token/refresh/", TokenRefreshView.as_view(), name="api-token-refresh"),
    path("token/revoke/", TokenRevokeView.as_view(), name="api-token-revoke"),
    path("report/", ReportView.as_view(), name="api-report"),
    path("report", ReportView.as_view(schema=None)),
    path("report/approvals/", AskView.as_view(), name="api-report-approvals"),
    path("report/claude-code/", ClaudeCodeView.as_view(), name="api-report-claude-code"),
    path("report/claude-code", ClaudeCodeView.as_view(schema=None)),
    path("", include("crews.api.urls")),
    path("", include("runs.api.urls")),
    path("", include("runs.notifications.api.urls")),
    path("", include("runs.schedules.api.urls")),
    path("", include("runs.search.api.urls")),
    path("", include("realtime.api.urls")),
    path("schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    # This view loads its script from a separate file, as our Content-Security-Policy requires.
    path(
        "docs/", SpectacularSwaggerSplitView.as_view(template_name="api_docs.html"), name="api-docs"
    ),
    re_path("", NotFoundView.as_view(), name="api-not-found"),
]
