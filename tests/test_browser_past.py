"""The run page at a moment of the past in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.test_browser_replay import failed_run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_without_scripts_the_address_shows_the_moment(chromium, web, acme):
    run, moment = failed_run(acme, changes=2)
    run.share(True)
    context = chromium.new_context(java_script_enabled=False, base_url=web.origin)
    page = context.new_page()
    page.goto(f"{run.get_absolute_url()}?at={moment}")
    expect(page.locator("#notice-past")).to_contain_text("The past")
    expect(page.locator('.tool[data-status="running"]')).to_have_count(1)
    page.get_by_role("link", name="To the present").click()
    expect(page.locator("#run-live")).to_have_attribute("data-status", "failed")
    context.close()
