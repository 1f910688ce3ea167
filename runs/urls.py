"""Pages of the runs."""

from django.urls import path

from runs import views

urlpatterns = [
    path("runs/", views.run_list, name="runs"),
    path("runs/<uuid:pk>/", views.run, name="run"),
    path("runs/<uuid:pk>/live/", views.run_live, name="run-live"),
    path("runs/<uuid:pk>/tools/<uuid:execution_id>/output/", views.run_output, name="run-output"),
    path("runs/<uuid:pk>/cancel/", views.run_cancel, name="run-cancel"),
    path("runs/<uuid:pk>/retry/", views.run_retry, name="run-retry"),
    path("runs/<uuid:pk>/share/", views.run_share, name="run-share"),
    path("crews/<uuid:pk>/runs/", views.run_start, name="run-start"),
]
