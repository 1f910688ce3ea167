"""A query set returns nothing to a deactivated user; only active staff have a role in the admin."""

import pytest

from crews.admin.scoped import roles_of
from crews.models import Crew

pytestmark = pytest.mark.django_db
SCOPES = pytest.mark.parametrize("scope", ["visible_to", "operable_by", "managed_by"])


@SCOPES
def test_a_deactivated_user_reaches_nothing(acme, superuser, scope):
    for user in (acme.admin, superuser):
        assert getattr(Crew.objects, scope)(user).get() == acme.crew
        user.is_active = False
        assert not getattr(Crew.objects, scope)(user).exists()


def test_in_the_admin_only_staff_have_a_role(acme, rf):
    request = rf.get("/admin/")
    for is_active, is_staff in ((True, True), (True, False), (False, True)):
        request.user = acme.admin
        acme.admin.is_active, acme.admin.is_staff = is_active, is_staff
        assert bool(roles_of(request)) is (is_active and is_staff)
