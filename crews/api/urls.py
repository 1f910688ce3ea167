from django.urls import path

from crews.api.views import CrewListView, CrewView

urlpatterns = [
    path("crews/", CrewListView.as_view(), name="api-crews"),
    path("crews/<uuid:pk>/", CrewView.as_view(), name="api-crew"),
]
