"""Editing a crew in a real browser: by keyboard, in a window of the size of a phone."""

import re

import pytest
from playwright.sync_api import Route, expect

from conftest import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 390, "height": 844}
EDITOR = re.compile(r"/pages/editor[^/]*\.js")


@pytest.fixture
def page_of_admin(page, acme: Tenant, client, web):
    client.force_login(acme.admin)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": web.origin}])
    page.set_viewport_size(PHONE)
    page.goto(f"{web.origin}{acme.crew.get_absolute_url()}")
    page.get_by_role("link", name="Edit").click()
    page.wait_for_url("**/edit/")
    return page


def test_tasks_are_moved_and_changed_by_keyboard(page_of_admin, acme):
    page = page_of_admin
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Move Vega works up").focus()
    page.keyboard.press("Enter")
    # The focus is on the task that was moved, which is now the first.
    expect(page.get_by_role("button", name="Move Vega works down")).to_be_focused()
    page.locator("#tasks-0-name").fill("Vega searches")
    page.locator("#tasks-0-steps-0-params-code").fill("")
    page.locator("#tasks-0-name").press("Enter")  # it saves
    expect(page.locator("#faults")).to_be_focused()
    page.get_by_role("link", name="Task 1, step 1, code").click()
    page.locator("#tasks-0-steps-0-params-code").fill("echo 1\necho 2\n")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("Acme crew is saved.")).to_be_visible()
    assert [task.name for task in acme.crew.tasks.all()] == ["Vega searches", "Orion works"]
    assert acme.crew.tasks.all()[0].steps[0]["params"]["code"] == "echo 1\necho 2\n"


def test_leaving_with_unsaved_changes_asks_first(page_of_admin, acme):
    page, asked = page_of_admin, []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.locator("#name").click()  # a browser asks only on a page that somebody has used
    page.get_by_role("link", name="Runs").click()
    page.wait_for_url("**/runs/")
    assert asked == []  # nothing was changed
    page.go_back()
    page.locator("#name").fill("Not saved")
    page.get_by_role("link", name="Discard changes").click()
    expect(page.locator("#graph-section")).to_be_visible()
    assert asked == []
    script: list[Route] = []
    page.route(EDITOR, lambda route: script.append(route))
    with page.expect_request(EDITOR):
        page.get_by_role("link", name="Edit").click()
    page.locator("#name").fill("Not saved")  # before the script runs
    script.pop().continue_()
    page.wait_for_load_state()
    page.get_by_role("link", name="Runs").click()
    page.wait_for_url("**/runs/")
    assert asked == ["beforeunload"]
    acme.crew.refresh_from_db()
    assert acme.crew.name == "Acme crew"


def test_a_limit_that_is_no_number_is_a_fault_and_removes_no_limit(page_of_admin, acme):
    page = page_of_admin
    acme.crew.budget_day_tool_calls = 500
    acme.crew.save()
    page.reload()
    field = page.locator("#budget_day_tool_calls")
    expect(field).to_have_value("500")
    expect(field).to_have_attribute("inputmode", "numeric")
    field.fill("")
    field.press_sequentially("5e")
    page.locator("#save").click()
    expect(page.locator("#faults")).to_be_visible()
    expect(field).to_have_value("5e")
    acme.crew.refresh_from_db()
    assert acme.crew.budget_day_tool_calls == 500
