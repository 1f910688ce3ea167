"""The page of a crew's schedule."""

from django.urls import path

from runs.schedules import pages

urlpatterns = [path("crews/<id:pk>/schedule/", pages.schedule, name="schedule")]
