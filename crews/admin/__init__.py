"""The admin of who exists. Crews are registered by `runs.admin`, which adds starting them."""

from django.contrib import admin
from django.contrib.auth.models import Group
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from crews.admin.audit_entry import AuditEntryAdmin
from crews.admin.failed_sign_in import FailedSignInAdmin
from crews.admin.membership import MembershipAdmin
from crews.admin.organization import OrganizationAdmin
from crews.admin.secret import SecretAdmin
from crews.admin.user import UserAdmin

admin.site.unregister(Group)  # roles in an organization decide, not groups
admin.site.unregister([BlacklistedToken, OutstandingToken])  # bookkeeping; nothing to do by hand

__all__ = [
    "AuditEntryAdmin",
    "FailedSignInAdmin",
    "MembershipAdmin",
    "OrganizationAdmin",
    "SecretAdmin",
    "UserAdmin",
]
