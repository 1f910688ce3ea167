"""Deciding about a tool call in a real browser, in a window of the size of a phone."""

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from runs.models import Approval
from runs.tests.scene import work
from tests.live import eventually
from tests.test_browser_crew import signed_in  # noqa: F401  a fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 390, "height": 844}


def ask(run, code: str) -> Approval:
    call = {"agent_id": "orion", "tool": "script", "params": {"code": code}}
    return Approval.objects.request(id=uuid4(), run=run, **call, expires_after_s=3600)


def test_a_call_is_approved_from_a_phone_and_another_denied_by_key(signed_in, web, acme):  # noqa: F811
    page, run = signed_in, acme.start_run()
    work(run)
    page.set_viewport_size(PHONE)
    page.goto(f"{web.origin}/approvals/")
    expect(page.locator("#no-approvals")).to_be_visible()
    expect(page.locator("[data-live-mark]").first).to_have_attribute("data-state", "live")
    first = ask(run, "make deploy")  # it comes while the page is open
    expect(page.locator("[data-approval]")).to_have_count(1)
    expect(page.locator("#approvals-count")).to_have_text("1")
    expect(page.locator("[data-approval] pre")).to_have_text("make deploy")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_label("Note").fill("from the train")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved: script of orion.")).to_be_visible()
    first.refresh_from_db()
    assert (first.status, first.note, first.by) == ("approved", "from the train", "acme-operator")
    second = ask(run, "make release")
    expect(page.locator("[data-approval]")).to_have_count(1)
    page.keyboard.press("d")
    page.locator("#confirm button[value=yes]").click()
    eventually(lambda: Approval.objects.get(pk=second.pk).status == "denied", within_s=20)
    expect(page.locator("#approvals-count")).to_be_hidden()


def test_the_enter_key_in_a_note_decides_nothing(signed_in, acme):  # noqa: F811
    run = acme.start_run()
    work(run)
    approval = ask(run, "make deploy")
    signed_in.goto("/approvals/")
    signed_in.get_by_label("Note").fill("not yet")
    posted = []
    signed_in.route("**/*", lambda route: (posted.append(route.request.method), route.fallback()))
    signed_in.get_by_label("Note").press("Enter")
    signed_in.wait_for_timeout(500)
    assert "POST" not in posted
    signed_in.get_by_role("button", name="Deny").click()
    expect(signed_in.get_by_text("Denied: script of orion.")).to_be_visible()
    approval.refresh_from_db()
    assert (approval.status, approval.note) == ("denied", "not yet")


def test_what_is_chosen_in_the_filter_stays_when_a_call_comes(signed_in, acme):  # noqa: F811
    run = acme.start_run()
    work(run)
    signed_in.goto("/approvals/")
    expect(signed_in.locator("[data-live-mark]").first).to_have_attribute("data-state", "live")
    status = signed_in.locator("#approvals-filter [name=status]")
    status.select_option("denied")
    ask(run, "make deploy")
    expect(signed_in.locator("[data-approval]")).to_have_count(1)
    expect(status).to_have_value("denied")
    signed_in.get_by_role("button", name="Show").click()
    expect(signed_in.get_by_text("No tool call matches")).to_be_visible()
    expect(status).to_have_value("denied")
