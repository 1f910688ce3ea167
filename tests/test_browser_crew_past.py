"""The scrubber of the crew page in a real browser: which run it shows, and a past that is gone."""

from urllib.parse import quote
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from realtime.log import pruning
from tests.test_browser_crew import mark, signed_in
from tests.test_browser_replay import failed_run, steps_of

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
UNKNOWN = "The past of this run is not known."
POLL_MS = 2_500  # a page that looks at a live run's past asks for its events every two seconds


def part(page: Page, name: str):
    return page.locator(f"[data-replay={name}]")


def shows_the_present(page: Page, path: str) -> None:
    expect(part(page, "note")).to_have_text(UNKNOWN)
    page.wait_for_url(path)
    expect(page.locator("#agents-title")).to_have_text("Agents now")
    expect(page.locator("body[data-past]")).to_have_count(0)
    expect(page.get_by_role("button", name="To the end")).to_be_hidden()


def test_a_link_to_a_moment_of_a_pruned_run_shows_the_present(signed_in, acme, worker_alive):
    run, moment = failed_run(acme, changes=3)
    pruning.prune(older_than=timezone.now())
    path = acme.crew.get_absolute_url()
    signed_in.goto(f"{path}?at={quote(moment)}&run={run.pk}")
    shows_the_present(signed_in, path)


@pytest.mark.parametrize("has_another", [True, False])
def test_a_link_to_a_moment_of_a_run_that_is_gone_shows_the_present(
    signed_in, acme, worker_alive, has_another
):
    asked = []
    signed_in.on("request", lambda request: asked.append(request.url))
    another = failed_run(acme)[0] if has_another else None
    path = acme.crew.get_absolute_url()
    signed_in.goto(f"{path}?at={quote('2026-01-31T12:00:00.000000Z')}&run={uuid4()}")
    shows_the_present(signed_in, path)
    if another:  # The scrubber is that of the newest run, as without a moment.
        expect(signed_in.locator("#replay")).to_have_attribute("data-run", str(another.pk))
        expect(part(signed_in, "time")).to_have_text("End")
        expect(part(signed_in, "note")).to_have_text(UNKNOWN)
        signed_in.get_by_label("Moment of the run").press("Home")
        expect(signed_in.locator("#agents-title")).to_have_text("Agents then")
        expect(part(signed_in, "note")).to_be_empty()
    else:
        expect(signed_in.get_by_label("Moment of the run")).to_be_hidden()
        signed_in.wait_for_timeout(POLL_MS)
    assert not [url for url in asked if "/runs//" in url]


def test_the_scrubber_forgets_the_run_before_and_notices_the_end(signed_in, acme, worker_alive):
    failed_run(acme)
    signed_in.goto(acme.crew.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    expect(part(signed_in, "time")).to_have_text("End")
    expect(signed_in.locator(".replay-marks i")).not_to_have_count(0)
    run = acme.start_run()
    expect(signed_in.locator("#replay")).to_have_attribute("data-run", str(run.pk))
    expect(part(signed_in, "time")).to_have_text("Live")
    expect(part(signed_in, "total")).to_be_empty()
    expect(signed_in.locator(".replay-marks i")).to_have_count(0)
    expect(signed_in.get_by_role("button", name="Next error")).to_be_hidden()
    slider = signed_in.get_by_label("Moment of the run")
    slider.focus()
    expect(part(signed_in, "total")).not_to_be_empty()
    expect(part(signed_in, "time")).to_have_text("Live")
    for _ in steps_of(run):
        pass
    run.finish("failed", reason="task_failed")
    expect(part(signed_in, "time")).to_have_text("End")
    expect(signed_in.get_by_role("button", name="Next error")).to_be_visible()
    # It is read already: the reader need not leave it and come back.
    another = acme.start_run()
    expect(signed_in.locator("#replay")).to_have_attribute("data-run", str(another.pk))
    expect(part(signed_in, "time")).to_have_text("Live")
