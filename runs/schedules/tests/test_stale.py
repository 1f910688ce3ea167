"""The page of a schedule does not overwrite what another admin has saved meanwhile."""

import pytest
from django.urls import reverse

from runs.schedules.models import Schedule
from runs.schedules.models.schedule import seen_digest
from runs.schedules.tests.test_pages import ENTERED
from tests.admin import clients
from tests.admin import url as admin_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(acme) -> str:
    return reverse("schedule", args=[acme.crew.pk])


@pytest.fixture
def admin(acme, client):
    client.force_login(acme.admin)
    return client


def seen(response) -> str:
    """What the form of the page sends as ``seen``."""
    _, _, rest = response.content.decode().partition('name="seen" value="')
    return rest.partition('"')[0]


def test_a_schedule_that_another_admin_has_saved_is_not_overwritten(
    acme, admin, url, make_schedule
):
    schedule = make_schedule()
    mine = ENTERED | {"seen": seen(admin.get(url))}
    Schedule.objects.put(acme.crew, by=acme.operator, expression="0 5 * * *")
    preview = admin.post(url, mine | {"action": "preview"})
    assert seen(preview) == mine["seen"]

    refused = admin.post(url, mine)
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "Somebody else has saved the schedule since you opened the page" in page
    assert "It is now <code>0 5 * * *</code> UTC, switched on." in page
    assert f'value="{mine["expression"]}"' in page
    schedule.refresh_from_db()
    assert (schedule.expression, schedule.zone) == ("0 5 * * *", "UTC")
    # Now the user has seen the other one.
    assert admin.post(url, mine | {"seen": seen(refused)}).status_code == 302
    schedule.refresh_from_db()
    assert schedule.expression == mine["expression"]


def test_a_first_schedule_is_not_overwritten_by_another_first_one(acme, admin, url, make_schedule):
    mine = ENTERED | {"seen": seen(admin.get(url))}
    make_schedule(expression="0 5 * * *")
    assert admin.post(url, mine).status_code == 409
    assert Schedule.objects.get().expression == "0 5 * * *"


def test_a_schedule_that_was_deleted_meanwhile_is_not_made_anew_unseen(admin, url, make_schedule):
    make_schedule()
    mine = ENTERED | {"seen": seen(admin.get(url))}
    Schedule.objects.get().delete()
    refused = admin.post(url, mine)
    assert refused.status_code == 409
    assert "Somebody else has deleted the schedule" in refused.content.decode()
    assert not Schedule.objects.exists()
    assert admin.post(url, mine | {"seen": seen(refused)}).status_code == 302


def test_a_press_that_is_sent_twice_is_no_conflict(admin, url, make_schedule):
    make_schedule()
    mine = ENTERED | {"seen": seen(admin.get(url))}
    assert [admin.post(url, mine).status_code for _ in range(2)] == [302, 302]


def test_a_fire_time_is_no_edit(admin, url, make_schedule):
    schedule = make_schedule()
    before = seen(admin.get(url))
    Schedule.objects.advance(schedule, to=None)
    assert seen_digest(Schedule.objects.get()) == before


@pytest.fixture
def staff(acme, globex, superuser):
    return clients(acme, globex, superuser)["admin"]


def admin_form(page) -> dict[str, object]:
    """What the browser sends for the admin's page of a schedule as it stands."""
    form = page.context["adminform"].form
    sent = {name: form[name].value() for name in form.fields}
    for inline in page.context["inline_admin_formsets"]:
        formset = inline.formset.management_form
        sent |= {field.html_name: field.value() or 0 for field in formset}
    return {name: value for name, value in sent.items() if value is not False}


def test_the_page_in_the_admin_does_not_overwrite_what_was_saved_meanwhile(
    acme, staff, make_schedule
):
    schedule = make_schedule()
    path = admin_url("schedules_schedule_change", schedule.pk)
    mine = admin_form(staff.get(path)) | {"overlap": "cancel"}
    Schedule.objects.put(acme.crew, by=acme.operator, expression="0 5 * * *", is_enabled=False)
    refused = staff.post(path, mine)
    assert refused.status_code == 200
    assert "The schedule has been saved since you opened this page" in refused.content.decode()
    schedule.refresh_from_db()
    stored = (schedule.expression, schedule.is_enabled, schedule.overlap)
    assert stored == ("0 5 * * *", False, "skip")
    mine = admin_form(staff.get(path)) | {"overlap": "cancel"}
    assert staff.post(path, mine).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.overlap, schedule.updated_by) == ("cancel", acme.admin)


def test_a_stale_schedule_that_is_saved_switched_on_has_a_next_time(acme, make_schedule):
    """Another user has switched it off since it was read."""
    make_schedule()
    stale = Schedule.objects.get()
    Schedule.objects.put(acme.crew, by=acme.operator, is_enabled=False)
    stale.overlap = "cancel"
    stale.save()
    found = Schedule.objects.get()
    assert (found.is_enabled, found.overlap) == (True, "cancel")
    assert found.next_at is not None
