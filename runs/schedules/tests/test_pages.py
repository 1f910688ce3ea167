"""The page of a crew's schedule, and where pages show what a schedule started."""

import pytest
from django.urls import reverse

from runs.models import Run
from runs.schedules import firing
from runs.schedules.models import Schedule
from runs.schedules.tests.conftest import NOW

pytestmark = pytest.mark.django_db
ENTERED = {
    "expression": "0 2 * * *", "zone": "Europe/Berlin", "overlap": "queue", "missed": "never",
    "is_enabled": "on",
}  # fmt: skip


@pytest.fixture
def url(acme) -> str:
    return reverse("schedule", args=[acme.crew.pk])


def test_an_admin_previews_saves_and_deletes(acme, client, url):
    client.force_login(acme.admin)
    assert "New schedule" in client.get(url).content.decode()
    preview = client.post(url, ENTERED | {"action": "preview"}).content.decode()
    assert preview.count("<li>") == 5
    assert "02:00 CE" in preview
    assert not Schedule.objects.exists()
    assert client.post(url, ENTERED | {"action": "save"}).status_code == 302
    schedule = Schedule.objects.get()
    assert (schedule.expression, schedule.overlap, schedule.missed) == (
        "0 2 * * *",
        "queue",
        "never",
    )
    assert (schedule.created_by, schedule.updated_by) == (acme.admin, acme.admin)
    page = client.get(url).content.decode()
    assert page.count("<li>") == 5
    assert "It has not fired yet" in page
    assert client.post(url, {"action": "delete"}).status_code == 302
    assert client.post(url, {"action": "delete"}).status_code == 302  # harmless when repeated
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("expression", "0 0 30 2 *", "This never fires"),
        ("expression", "*/2 * * * *", "every 2 min"),
        ("zone", "Mars/Olympus", "There is no time zone Mars/Olympus"),
    ],
)
@pytest.mark.parametrize("action", ["save", "preview"])
def test_bad_input_is_refused_beside_the_field(acme, client, url, field, value, says, action):
    client.force_login(acme.admin)
    refused = client.post(url, ENTERED | {field: value, "action": action})
    assert refused.status_code == 400
    page = refused.content.decode()
    before, _, after = page.partition(f'id="id_{field}_error"')
    assert says in after[:300]
    assert f'value="{value}"' in before  # what was entered stays
    assert not Schedule.objects.exists()


def test_viewers_see_it_and_cannot_change_it(acme, client, url, make_schedule):
    client.force_login(acme.viewer)
    assert "No schedule" in client.get(url).content.decode()
    make_schedule()
    page = client.get(url).content.decode()
    assert page.count("<li>") == 5
    assert "schedule-form" not in page
    assert client.post(url, ENTERED).status_code == 403


def test_a_miss_is_shown_with_its_reason(acme, client, url, make_schedule):
    make_schedule()
    acme.crew.tasks.all().delete()
    firing.fire_due(NOW)
    client.force_login(acme.viewer)
    page = client.get(url).content.decode()
    assert 'data-outcome="missed"' in page
    assert "has no task" in page


def test_the_crew_page_shows_the_next_time(acme, client, make_schedule):
    client.force_login(acme.viewer)
    assert "Schedule</a>" in client.get(acme.crew.get_absolute_url()).content.decode()
    make_schedule()
    assert "Starts automatically: 1 Jun, 12:00 UTC" in (
        client.get(acme.crew.get_absolute_url()).content.decode()
    )


def test_lists_and_the_run_page_say_that_the_schedule_started_it(acme, client, make_schedule):
    make_schedule()
    firing.fire_due(NOW)
    client.force_login(acme.viewer)
    assert '<span title="Started by">schedule</span>' in client.get("/runs/").content.decode()
    page = client.get(Run.objects.get().get_absolute_url()).content.decode()
    assert ">the schedule</a>" in page


def test_the_admin_makes_one_and_refuses_what_never_fires(acme, client):
    acme.admin.is_staff = True
    acme.admin.save()
    client.force_login(acme.admin)
    path = reverse("admin:schedules_schedule_add")
    rows = {"fires-TOTAL_FORMS": "0", "fires-INITIAL_FORMS": "0"}
    entered = ENTERED | rows | {"crew": str(acme.crew.pk)}
    refused = client.post(path, entered | {"expression": "0 0 31 6 *"})
    assert "This never fires" in refused.content.decode()
    assert client.post(path, entered).status_code == 302
    schedule = Schedule.objects.get()
    assert (schedule.created_by, schedule.next_at is not None) == (acme.admin, True)
    change = reverse("admin:schedules_schedule_change", args=[schedule.pk])
    assert client.get(change).status_code == 200
