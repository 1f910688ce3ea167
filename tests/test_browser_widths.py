"""No page is wider than its window, in a real browser, from a phone to a small laptop."""

import pytest
from playwright.sync_api import expect

from tests.test_browser_crew import mark, signed_in
from tests.test_browser_replay import failed_run

__all__ = ["signed_in"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.animated,
    pytest.mark.django_db(transaction=True),
]

WIDTHS = (360, 390, 768, 900, 1024)
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


def test_no_page_is_wider_than_the_window(signed_in, acme, worker_alive):
    acme.operator.is_staff = True  # The header has the most for staff with a long name.
    acme.operator.first_name, acme.operator.last_name = "Aleksandra", "Wojciechowska"
    acme.operator.save()
    acme.organization.name = "Acme International Research and Development"
    acme.organization.save()
    run, _ = failed_run(acme)
    for path in ("/", "/approvals/", run.get_absolute_url(), acme.crew.get_absolute_url()):
        signed_in.goto(path)
        expect(mark(signed_in)).not_to_have_attribute("data-state", "connecting")
        found = {}
        for width in WIDTHS:
            signed_in.set_viewport_size({"width": width, "height": 740})
            found[width] = signed_in.evaluate(OVERFLOW)
        assert max(found.values()) <= 0, (path, found)
