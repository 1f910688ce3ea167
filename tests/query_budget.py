"""How many queries each GET may ask, the user's session included. What is missing here fails."""

# fmt: off
BUDGET = {
    "api/crews/": 4,
    "api/crews/<id:pk>/": 4,
    "api/crews/<id:pk>/events/": 4,
    "api/organizations/<slug:slug>/audit/": 4,
    "api/organizations/<slug:slug>/secrets/": 4,
    "api/organizations/<slug:slug>/secrets/<slug:name>/": 4,
    "api/runs/": 2,
    "api/runs/<id:pk>/": 4,
    "api/runs/<id:pk>/events/": 4,
    "api/tool-executions/<id:pk>/output/": 3,
    "api/schema/": 0,
    "api/docs/": 0,
    "api/": 0,
    "healthz": 2,
    "metrics": 2,
    "readyz": 5,
    "login/": 2,
    "": 11,
    "crews/<id:pk>/": 15,
    "runs/": 6,
    "runs/progress/": 2,
    "runs/<id:pk>/": 10,
    "runs/<id:pk>/live/": 8,
    "runs/<id:pk>/tools/<id:execution_id>/output/": 6,
}
# A page of one record asks for each inline, and who may do what with it.
ADMIN_BUDGET = {
    "crews_organization_changelist": 6,
    "crews_organization_change": 25,
    "crews_organization_delete": 15,
    "crews_membership_changelist": 7,
    "crews_crew_changelist": 7,
    "crews_crew_change": 47,
    "crews_crew_delete": 15,
    "crews_secret_changelist": 7,
    "crews_auditentry_changelist": 8,
    "crews_auditentry_change": 8,
    "runs_run_changelist": 8,
    "runs_run_change": 27,
    "runs_toolexecution_changelist": 8,
    "runs_toolexecution_change": 14,
}
# fmt: on
OF_SUPERUSERS = {"auth_user_changelist", "axes_accessattempt_changelist"}  # nothing that grows
ADMIN_QUERIES = {
    "runs_run_changelist": ("?q=crew", "?q=ae032420", "?status__exact=failed", "?p=10"),
    "runs_toolexecution_changelist": ("?q=5c064840", "?tool=script", "?status__exact=error"),
    "crews_auditentry_changelist": ("?q=somebody", "?kind__exact=run.started", "?person=none"),
}
