"""The comparison of two runs in a real browser, on a phone."""

import pytest
from playwright.sync_api import expect

from runs.models import Run
from runs.tests.test_comparison_waits import approve, begin, call, ended, pause
from tests.test_browser_crew import signed_in

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (360, 390)
# Parts of the figures that are outside of their table, or cells whose content overlaps the next.
CUT = """() => {
    const box = document.querySelector(".compare-scroll").getBoundingClientRect();
    const parts = [...document.querySelectorAll(".compare-figures :is(th, td, span, a, li)")];
    const isCut = (part) => {
        const cell = part.closest("th, td");
        return part.getBoundingClientRect().right > box.right + 1 ||
            part.getBoundingClientRect().right > cell.getBoundingClientRect().right + 1;
    };
    return parts.filter(isCut).map((part) => part.outerHTML);
}"""


@pytest.fixture
def compared(acme) -> Run:
    """The later of two runs, with all that a row of figures may hold."""
    acme.crew.budget_run_tool_calls = 2
    acme.crew.save()
    before, after = acme.start_run(), acme.start_run()
    for run in (before, after):
        task = begin(run)
        call(task)
        approve(task)
        call(task)
        pause(run, seconds=130)
        ended(run)
    return after


@pytest.mark.parametrize("width", WIDTHS)
def test_no_figure_is_cut_on_a_phone(signed_in, compared, width):
    signed_in.set_viewport_size({"width": width, "height": 740})
    signed_in.goto(f"{compared.get_absolute_url()}compare/")
    expect(signed_in.locator(".compare-facts")).to_have_count(2)
    expect(signed_in.get_by_text("approved by")).to_have_count(2)
    assert signed_in.evaluate(CUT) == []
