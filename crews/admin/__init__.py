"""The admin of who exists. Crews are registered by `runs.admin`, which adds starting them."""

from django.contrib import admin
from django.contrib.auth.models import Group

from crews.admin.membership import MembershipAdmin
from crews.admin.organization import OrganizationAdmin
from crews.admin.user import UserAdmin

admin.site.unregister(Group)  # roles in an organization decide, not groups

__all__ = ["MembershipAdmin", "OrganizationAdmin", "UserAdmin"]
