from django.urls import path

from crews.api.api_keys import ApiKeyListView, ApiKeyView
from crews.api.approval_rules import ApprovalRuleListView, ApprovalRuleView
from crews.api.audit import AuditListView
from crews.api.secrets import SecretListView, SecretView
from crews.api.views import CrewListView, CrewView

urlpatterns = [
    path("crews/", CrewListView.as_view(), name="api-crews"),
    path("crews/<id:pk>/", CrewView.as_view(), name="api-crew"),
    path("organizations/<slug:slug>/audit/", AuditListView.as_view(), name="api-audit"),
    path("organizations/<slug:slug>/api-keys/", ApiKeyListView.as_view(), name="api-api-keys"),
    path("organizations/<slug:slug>/api-keys/<id:pk>/", ApiKeyView.as_view(), name="api-api-key"),
    path(
        "organizations/<slug:slug>/approval-rules/",
        ApprovalRuleListView.as_view(),
        name="api-approval-rules",
    ),
    path(
        "organizations/<slug:slug>/approval-rules/<id:pk>/",
        ApprovalRuleView.as_view(),
        name="api-approval-rule",
    ),
    path("organizations/<slug:slug>/secrets/", SecretListView.as_view(), name="api-secrets"),
    path("organizations/<slug:slug>/secrets/<slug:name>/", SecretView.as_view(), name="api-secret"),
]
