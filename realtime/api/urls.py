from django.urls import path

from realtime.api.views import CrewEventsView, RunEventsView

urlpatterns = [
    path("runs/<id:pk>/events/", RunEventsView.as_view(), name="api-run-events"),
    path("crews/<id:pk>/events/", CrewEventsView.as_view(), name="api-crew-events"),
]
