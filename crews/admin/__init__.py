"""The admin of organizations, users and access.

`runs.admin` registers crews, because it adds starting them.
"""

from django.contrib import admin
from django.contrib.auth.models import Group
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from crews.admin.api_key import ApiKeyAdmin
from crews.admin.approval_rule import ApprovalRuleAdmin
from crews.admin.audit_entry import AuditEntryAdmin
from crews.admin.failed_sign_in import FailedSignInAdmin
from crews.admin.membership import MembershipAdmin
from crews.admin.organization import OrganizationAdmin
from crews.admin.secret import SecretAdmin
from crews.admin.user import UserAdmin

admin.site.unregister(Group)  # access depends on roles in an organization, not on groups
# internal records; nothing to edit by hand
admin.site.unregister([BlacklistedToken, OutstandingToken])

__all__ = [
    "ApiKeyAdmin",
    "ApprovalRuleAdmin",
    "AuditEntryAdmin",
    "FailedSignInAdmin",
    "MembershipAdmin",
    "OrganizationAdmin",
    "SecretAdmin",
    "UserAdmin",
]
