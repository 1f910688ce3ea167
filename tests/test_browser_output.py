"""The output of a tool in a real browser: live, after a reload, in the past."""

import json
import re
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from runs.events.encoding import iso_utc
from runs.tests.test_large_run import begin
from tests.live import eventually
from tests.test_browser_crew import mark, signed_in

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

READ = json.loads(Path("runs/tests/output/vectors.json").read_text())
VECTORS = {vector["name"]: vector for vector in READ}
HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(1)</script>\n"
    "\x1b]8;;javascript:alert(1)\x07not a link\x1b]8;;\x07\n"
    "\x1b]8;;https://example.org/one\x07a link\x1b]8;;\x07 \x1b[31mfound\x1b[m here\n"
)
KEPT = """(text) => ({
    chars: text.textContent.length,
    pieces: text.querySelectorAll("span").length,
    seen: [...text.querySelectorAll("span")].filter((e) => e.checkVisibility({ contentVisibilityAuto: true })).length,
})"""

# Whether a text reads from left to right, by where its first and last characters stand.
READS_ON = """([selector, words]) => {
    const walker = document.createTreeWalker(document.querySelector(selector), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const at = walker.currentNode.data.indexOf(words);
        if (at < 0) continue;
        const left = (place) => {
            const range = new Range();
            range.setStart(walker.currentNode, place);
            range.setEnd(walker.currentNode, place + 1);
            return range.getBoundingClientRect().left;
        };
        return left(at) < left(at + words.length - 1);
    }
}"""


def shows(page, tool, wanted: list[str]) -> None:
    """Wait until the output shows these lines."""
    text = page.locator(f"#tool-{tool.pk} .output-text")
    eventually(lambda: text.evaluate("e => e.textContent").rstrip("\n").split("\n") == wanted)


def test_an_output_is_as_a_terminal_ends_up_live_after_a_reload_and_in_the_past(signed_in, acme):
    vectors = [VECTORS["rich"], VECTORS["tqdm"]]
    run = acme.start_run()
    task, [tool] = begin(run, 0)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    for vector in vectors:
        output = vector["output"]
        for at in range(0, len(output), 700):
            tool.report(output=output[at : at + 700])
    wanted = [line for vector in vectors for line in vector["lines"]]
    shows(signed_in, tool, wanted)
    moment = iso_utc(timezone.now())
    tool.report(output=HOSTILE)
    wanted += [*HOSTILE.split("\n")[:1], "not a link", "a link found here"]
    shows(signed_in, tool, wanted)
    tool.end("error", exit_code=1)
    task.finish("failed")
    run.finish("failed", reason="task_failed")
    expect(mark(signed_in)).to_have_attribute("data-state", "finished")

    signed_in.reload()
    shows(signed_in, tool, wanted)
    text = signed_in.locator(f"#text-{tool.pk}")
    assert text.locator("script, img").count() == 0
    links = text.locator("a").evaluate_all("all => all.map(({href, rel}) => [href, rel])")
    assert links[-1] == ["https://example.org/one", "noopener noreferrer nofollow"]
    assert [href.partition(":")[0] for href, _ in links] == ["https"] * len(links)
    # Words are found across colours.
    signed_in.locator(f"#output-{tool.pk} [data-search]").fill("link found here")
    expect(signed_in.locator(f"#output-{tool.pk} [data-found]")).to_have_text("1 of 1")
    with signed_in.expect_download() as download:
        signed_in.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == tool.output.encode()

    signed_in.goto(f"{run.get_absolute_url()}?at={moment}")
    shows(signed_in, tool, wanted[:-3])
    assert signed_in.locator(f"#then-text-{tool.pk} span").count() > 5


def test_of_a_large_coloured_output_the_end_is_kept_and_what_is_seen_is_laid_out(signed_in, acme):
    line = "".join(f"\x1b[38;5;{color}m{color % 10}" for color in range(20, 60)) + "\x1b[m\n"
    run = acme.start_run()
    _, [tool] = begin(run, 0)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    for _ in range(20):
        tool.report(output=line * 80)
    tool.report(output="the end\n")
    text = signed_in.locator(f"#text-{tool.pk}")
    expect(text).to_contain_text("the end")
    kept = text.evaluate(KEPT)
    assert 10_000 < kept["pieces"] <= 20_000 + 50 * 40 + 40 * 50
    assert kept["seen"] < kept["pieces"] / 2
    expect(signed_in.locator(f"#output-{tool.pk} [data-cut]")).to_be_visible()
    assert text.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight") < 30
    for _ in range(6):
        tool.report(output=f"{'x' * 99}\n" * 500)
    tool.report(output="the last\n")
    expect(text).to_contain_text("the last")
    assert text.evaluate(KEPT)["chars"] <= 200_000 + 10_100 + 50 * 100


def test_what_came_while_the_tab_was_hidden_has_no_hole(signed_in, acme):
    """A hidden tab paints nothing. It keeps the end of what comes, here 200,000 characters."""
    styled = "\x1b[38;5;200m" * 10  # so that few lines are many characters
    run = acme.start_run()
    _, [tool] = begin(run, 0)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    tool.report(output="".join(f"line {number}\n" for number in range(100)))
    text = signed_in.locator(f"#text-{tool.pk}")
    expect(text).to_contain_text("line 99")
    signed_in.evaluate("() => { window.raf = requestAnimationFrame; window.held = [];"
                       " window.requestAnimationFrame = (paint) => held.push(paint); }")  # fmt: skip
    for first in range(100, 5_100, 100):
        lines = "".join(f"{styled}line {number}\n" for number in range(first, first + 100))
        tool.report(output=lines, progress=first / 10_000)
    bar = signed_in.locator(f"#tool-{tool.pk} [data-meter] i")
    expect(bar).to_have_attribute("style", re.compile(r"--progress: 50"))
    signed_in.evaluate(
        "() => { requestAnimationFrame = raf; held.forEach(requestAnimationFrame); }"
    )
    expect(text).to_contain_text("line 5099")
    shown = [int(line[5:]) for line in text.evaluate("e => e.textContent").split("\n") if line]
    assert shown == [*range(shown[0], 5_100)]
    assert shown[0] > 100


def test_names_and_lines_do_not_turn_their_neighbours_round(signed_in, acme):
    name = "שלום (1) \u202eabc"
    acme.crew.name = name
    acme.crew.save()
    for agent in acme.crew.agents.all():
        agent.name = name
        agent.save()
    run = acme.start_run()
    task, [tool] = begin(run, 0)
    tool.report(output=f"{name}\nnext line \x1b[31mred\x1b[m\n")
    signed_in.goto(run.get_absolute_url())
    shows(signed_in, tool, [name, "next line red"])
    for selector, words in (
        ("#run-head h1", "run "),
        (f"#event-task_start-{task.task_id} .event-what", "began"),
        (f"#text-{tool.pk}", "next line"),
    ):
        assert signed_in.evaluate(READS_ON, [selector, words]), selector
