"""Sign-in, sign-out, the pages Account and Connect, and approval rules."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from crews.pages import account, approval_rules, connect
from crews.views import LoginView

urlpatterns = [
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("account/", account.account, name="account"),
    path("crews/<id:pk>/approval-rules/", approval_rules.rules, name="approval-rules"),
    path("crews/<id:pk>/approval-rules/<id:rule_id>/", approval_rules.rule, name="approval-rule"),
    path("connect/", connect.connect, name="connect"),
    path("connect/<id:pk>/first-run/", connect.first_run, name="connect-first-run"),
    path("connect/<id:pk>/revoke/", connect.revoke, name="connect-revoke"),
]
