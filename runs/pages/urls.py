"""Pages of the runs."""

from django.urls import path

from runs.pages import approvals, compare_views, control_views, views

urlpatterns = [
    path("approvals/", approvals.approval_list, name="approvals"),
    path("approvals/pending/", approvals.approvals_pending, name="approvals-pending"),
    path("approvals/<id:pk>/", approvals.approval, name="approval"),
    path("runs/", views.run_list, name="runs"),
    path("runs/progress/", views.runs_progress, name="runs-progress"),
    path("runs/<id:pk>/compare/", compare_views.run_compare, name="run-compare"),
    path("runs/<id:pk>/tools/<id:execution_id>/output/", views.run_output, name="run-output"),
    path("runs/<id:pk>/calls/<id:call_id>/input/", views.run_call_input, name="run-call-input"),
    path("runs/<id:pk>/calls/<id:call_id>/output/", views.run_call_output, name="run-call-output"),
    path("runs/<id:pk>/cancel/", control_views.run_cancel, name="run-cancel"),
    path("runs/<id:pk>/controls/", control_views.run_control, name="run-control"),
    path("runs/<id:pk>/retry/", views.run_retry, name="run-retry"),
    path("runs/<id:pk>/share/", views.run_share, name="run-share"),
    path("crews/<id:pk>/runs/", views.run_start, name="run-start"),
]
