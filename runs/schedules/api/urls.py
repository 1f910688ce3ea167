from django.urls import path

from runs.schedules.api.views import ScheduleView

urlpatterns = [path("crews/<id:pk>/schedule/", ScheduleView.as_view(), name="api-crew-schedule")]
