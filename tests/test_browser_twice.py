"""A button that is pressed twice sends its form once, in a real browser."""

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, Route, expect

from crews.models import ApprovalRule, Crew
from runs.schedules.models import Schedule
from runs.tests.scene import work
from tests.admin import url
from tests.test_browser_approvals import ask

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAUSE_MS = 500  # within which a form is sent


@pytest.fixture
def sent(page: Page, acme, client, web) -> list[Route]:
    """What the page of a staff member has posted. ``press_twice`` lets it go on."""
    acme.admin.is_staff = True
    acme.admin.save()
    client.force_login(acme.admin)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": web.origin}])
    found: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            found.append(route)
        else:
            route.fallback()

    page.route("**/*", hold)
    return found


def press_twice(button: Locator, sent: list[Route], says: str) -> None:
    before, page = len(sent), button.page
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*middle)
    page.wait_for_timeout(PAUSE_MS)
    page.mouse.click(*middle)
    page.wait_for_timeout(PAUSE_MS)
    assert len(sent) == before + 1
    sent[-1].continue_()
    expect(page.get_by_text(says).first).to_be_visible()


def test_the_editor_saves_a_crew_once(page, acme, sent):
    page.goto(reverse("crew-edit", args=[acme.crew.pk]))
    page.locator("#name").fill("Renamed")
    press_twice(page.locator("#save"), sent, "Renamed is saved.")


def test_the_enter_key_saves_a_crew_once(page, acme, sent):
    page.goto(reverse("crew-edit", args=[acme.crew.pk]))
    page.locator("#name").fill("Renamed")
    page.keyboard.press("Enter")
    page.wait_for_timeout(PAUSE_MS)
    page.keyboard.press("Enter")
    page.wait_for_timeout(PAUSE_MS)
    assert len(sent) == 1
    sent[0].continue_()
    expect(page.get_by_text("Renamed is saved.")).to_be_visible()


def test_a_file_is_checked_and_applied_once(page, acme, sent):
    page.goto(reverse("crew-file", args=[acme.crew.pk]))
    text = page.locator("#id_text")
    text.fill(text.input_value().replace("name: Acme crew", "name: Renamed"))
    press_twice(page.get_by_role("button", name="Show what it"), sent, "This will change")
    press_twice(page.get_by_role("button", name="Change the crew"), sent, "Renamed is changed.")


@pytest.mark.parametrize(("button", "says"), [("Approve", "Approved: "), ("Deny", "Denied: ")])
def test_a_call_is_decided_once(page, acme, sent, button, says):
    run = acme.start_run()
    work(run)
    approval = ask(run, "make deploy")
    page.goto("/approvals/")
    press_twice(page.get_by_role("button", name=button), sent, f"{says}script of orion.")
    approval.refresh_from_db()
    assert f"{approval.get_status_display()}: " == says


def test_a_rule_is_switched_and_deleted_once(page, acme, sent):
    rule = ApprovalRule.objects.create(organization=acme.organization, crew=acme.crew)
    page.goto(reverse("approval-rules", args=[acme.crew.pk]))
    press_twice(page.get_by_role("button", name="Switch off"), sent, "Switch on")
    rule.refresh_from_db()
    assert not rule.is_enabled
    press_twice(page.get_by_role("button", name="Delete"), sent, "No rule yet")


def test_a_schedule_is_previewed_and_saved_once(page, acme, sent):
    page.goto(reverse("schedule", args=[acme.crew.pk]))
    page.locator("#id_expression").fill("0 2 * * *")
    press_twice(page.get_by_role("button", name="Show the next"), sent, "Not saved yet")
    press_twice(page.get_by_role("button", name="Save"), sent, "The schedule is saved.")
    assert Schedule.objects.get().expression == "0 2 * * *"


def test_the_admin_saves_a_crew_once(page, acme, sent):
    page.goto(url("crews_crew_change", acme.crew.pk))
    page.locator("#id_name").fill("Renamed")
    # The value of the button is sent: the page stays.
    press_twice(page.locator("[name=_continue]").first, sent, "was changed successfully")
    assert Crew.objects.get(pk=acme.crew.pk).name == "Renamed"
    expect(page.locator("#id_name")).to_have_value("Renamed")
