from django.urls import path

from crews.api.audit import AuditListView
from crews.api.secrets import SecretListView, SecretView
from crews.api.views import CrewListView, CrewView

urlpatterns = [
    path("crews/", CrewListView.as_view(), name="api-crews"),
    path("crews/<id:pk>/", CrewView.as_view(), name="api-crew"),
    path("organizations/<slug:slug>/audit/", AuditListView.as_view(), name="api-audit"),
    path("organizations/<slug:slug>/secrets/", SecretListView.as_view(), name="api-secrets"),
    path("organizations/<slug:slug>/secrets/<slug:name>/", SecretView.as_view(), name="api-secret"),
]
