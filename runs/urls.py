"""Pages of the runs."""

from django.urls import path

from runs import views

urlpatterns = [
    path("runs/", views.run_list, name="runs"),
    path("runs/progress/", views.runs_progress, name="runs-progress"),
    path("runs/<id:pk>/", views.run, name="run"),
    path("runs/<id:pk>/live/", views.run_live, name="run-live"),
    path("runs/<id:pk>/tools/<id:execution_id>/output/", views.run_output, name="run-output"),
    path("runs/<id:pk>/cancel/", views.run_cancel, name="run-cancel"),
    path("runs/<id:pk>/retry/", views.run_retry, name="run-retry"),
    path("runs/<id:pk>/share/", views.run_share, name="run-share"),
    path("crews/<id:pk>/runs/", views.run_start, name="run-start"),
]
