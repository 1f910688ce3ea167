"""The HTTP API; each app lists its own addresses."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from crewops.api.nowhere import NowhereView
from crewops.api.tokens import TokenRefreshView, TokenRevokeView, TokenView

urlpatterns = [
    path("token/", TokenView.as_view(), name="api-token"),
    path("token/refresh/", TokenRefreshView.as_view(), name="api-token-refresh"),
    path("token/revoke/", TokenRevokeView.as_view(), name="api-token-revoke"),
    path("", include("crews.api.urls")),
    path("", include("runs.api.urls")),
    path("", include("realtime.api.urls")),
    path("schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    # The page whose script is a file of its own, which our Content-Security-Policy asks for.
    path("docs/", SpectacularSwaggerSplitView.as_view(), name="api-docs"),
    re_path("", NowhereView.as_view(), name="api-nowhere"),
]
