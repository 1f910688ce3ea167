"""No page is wider than its window, in a real browser, from a phone to a small laptop."""

import pytest
from playwright.sync_api import expect

from tests.test_browser_approvals import ask
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


def test_the_header_is_one_row_and_its_menu_names_every_place(signed_in, acme, worker_alive):
    acme.operator.is_staff = True
    acme.operator.save()
    ask(acme.start_run(), "make deploy")
    signed_in.goto("/runs/")
    expect(signed_in.locator("#approvals-count")).to_have_text("1")
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    menu = signed_in.locator("#site-menu")
    labels = menu.locator("a:visible, button:visible")
    places = ["Account", "Notifications", "API", "Admin", "Dark theme", "Sign out"]
    for width in WIDTHS:
        signed_in.set_viewport_size({"width": width, "height": 740})
        assert signed_in.evaluate("document.querySelector('.topbar').offsetHeight") < 60, width
        signed_in.get_by_role("button", name="Menu").click()
        expect(menu).to_be_visible()
        in_menu = ["Account", "Crews", "Connect", *places[1:]] if width < 768 else places
        assert [name.split("\n")[0] for name in labels.all_inner_texts()] == in_menu
        box = menu.bounding_box()
        assert box
        assert 0 <= box["x"] <= width - box["width"]
        signed_in.keyboard.press("Escape")
        expect(menu).to_be_hidden()
        expect(signed_in.get_by_role("button", name="Menu")).to_be_focused()
