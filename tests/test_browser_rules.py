"""Editing an approval rule in a real browser, in a window of the size of a phone."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from crews.models import ApprovalRule
from tests.test_browser_editor import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_rule_is_edited_by_keyboard(page, acme, client, web):
    rule = ApprovalRule.objects.create(
        organization=acme.organization, crew=acme.crew, tool="script", params="code=*deploy*"
    )
    client.force_login(acme.admin)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": web.origin}])
    page.set_viewport_size(PHONE)
    page.goto(reverse("approval-rules", args=[acme.crew.pk]))
    page.get_by_role("link", name="Edit the rule script").click()
    expect(page.locator("#id_tool")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    seconds = page.get_by_label("Seconds until it is denied")
    seconds.fill("5")
    page.keyboard.press("Enter")
    expect(page.locator("#id_expires_after_s_error")).to_be_visible()
    expect(seconds).to_be_focused()
    expect(seconds).to_have_accessible_description(
        "Ensure this value is greater than or equal to 10."
    )
    seconds.fill("60")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Calls that match script code=*deploy* wait")).to_be_visible()
    rule.refresh_from_db()
    assert rule.expires_after_s == 60
