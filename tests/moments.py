"""What the run page and the crew page show, in a form in which a moment of the past is compared.

`Moments` follows a run live, keeps what both pages show after each step, and looks back.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import unified_diff
from math import ceil
from typing import Any
from urllib.parse import quote

from django.utils import timezone
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from realtime.replay import checkpoints
from realtime.replay.merging import parsed
from runs.events.encoding import iso_utc
from runs.models import OutputChunk, Run

# What is shown, as lines of text: each element with its id, state and own text. Left out is what
# moves with the clock (durations of what runs, places in the timeline), what acts or belongs to the
# reader (buttons, filters, open cards), and what is known at present only: the place in the queue,
# the limits of the crew's budget. Output is compared by itself.
SHOWN = r"""
const LEFT_OUT = `noscript, script, form, button, input, select, #run-actions, #follow-run,
    #event-filter, #run-budget, #timeline-grid, .legend, .tool-output, .params, [id^=notice-queued],
    #notice-no-worker, #notice-past, #event-none, .tool-waiting a`;
const SHOWN = ["data-status", "data-state", "data-kind", "data-type", "data-trouble", "data-done",
    "data-step", "data-exit", "data-label", "data-note", "data-more", "data-current", "data-task",
    "data-call", "data-execution", "data-paused", "data-over", "datetime", "hidden"];
window.shownIn = (root) => {
    const lines = [];
    const add = (element, depth) => {
        if (element.matches(LEFT_OUT)) return;
        const own = SHOWN.filter((name) => element.hasAttribute(name))
            .map((name) => `${name}=${element.getAttribute(name)}`);
        const progress = element.style?.getPropertyValue("--progress");
        if (progress && progress !== "0%") own.push(progress);
        // A crew card's figure has the time that a running tool has taken.
        const ticks = element.matches("[data-ticking], time, .tool-figure");
        const isDrawn = element.matches(".bar, .lane-chart > *");
        const text = ticks || isDrawn ? "" : [...element.childNodes]
            .filter((node) => node.nodeType === Node.TEXT_NODE)
            .map((node) => node.textContent.replace(/\s+/g, " ").trim()).filter(Boolean).join("|");
        if (element.id || own.length || text)
            lines.push([" ".repeat(depth) + element.tagName.toLowerCase(), element.id, ...own, text]
                .filter(Boolean).join(" "));
        if (!isDrawn) for (const child of element.children) add(child, depth + 1);
    };
    if (root) add(root, 0);
    return lines;
};
// The output in the open cards of tools, by the tool's id. A terminal ends its last line.
window.outputsShown = () => Object.fromEntries(
    [...document.querySelectorAll("#run-live .tool[open] .output-text")]
        .map((text) => [text.closest(".tool").dataset.execution, text.textContent.replace(/\n+$/, "")]));
"""
RUN = "() => shownIn(document.getElementById('run-live'))"
CREW = """() => Object.fromEntries([...document.querySelectorAll("[data-agent]")].map((element) =>
    [element.id, shownIn(element)]))"""
THEN = """then => Object.fromEntries(
    Object.keys(then).map(id => [id, shownIn(document.getElementById(id))]))"""
OUTPUTS = """then => Object.fromEntries(
    Object.entries(outputsShown()).filter(([id]) => id in then))"""
# What the server would render now.
RENDERED = """async () => {
    const answer = await fetch(document.getElementById("run").dataset.liveUrl, {cache: "no-store"});
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return shownIn(page.getElementById("run-live"));
}"""
# What each agent does, as a reducer's state says it.
AGENTS = """() => Object.fromEntries([...document.querySelectorAll("#agents [data-agent]")].map((row) =>
    [row.dataset.agent, [row.dataset.state,
        [...row.querySelectorAll("[data-execution]")].map((tool) => [tool.dataset.execution,
            tool.dataset.status, tool.querySelector(".tool-message").textContent]),
        [...row.querySelectorAll("[data-call]")].map((call) => call.dataset.call)]]))"""
SEEK = """place => {
    const slider = document.querySelector("#replay input");
    slider.value = place;
    slider.dispatchEvent(new Event("input", {bubbles: true}));
}"""
STEPS = 1000  # of the slider
READ_AS = timedelta(milliseconds=2)  # a browser reads whole milliseconds of a time
WITHIN_MS = 30_000


@dataclass
class Moment:
    """What was shown at the times from ``since`` to before ``until``."""

    since: datetime
    run: list[str]
    outputs: dict[str, str]
    crew: dict[str, list[str]]
    until: datetime | None = None


@dataclass
class Moments:
    """Both pages of ``run``, open in one browser."""

    run: Run
    page: Page
    crew_page: Page
    seen: list[Moment] = field(default_factory=list)

    def open(self) -> None:
        for page, path in (
            (self.page, self.run.get_absolute_url()),
            (self.crew_page, self.run.crew.get_absolute_url()),
        ):
            page.add_init_script(SHOWN)
            page.goto(path)
            expect(page.locator("[data-live-mark]").first).to_have_attribute("data-state", "live")

    def follow(self, steps: Iterable[None]) -> None:
        """Keep what is shown after each step."""
        for _ in steps:
            since = timezone.now()
            self._settle()
            shown = Moment(
                since=since,
                run=self.page.evaluate(RUN),
                outputs=self.page.evaluate("outputsShown()"),
                crew=self.crew_page.evaluate(CREW),
            )
            self.seen.append(shown)
            shown.until = timezone.now()

    def _settle(self) -> None:
        """Wait until both pages show all that has happened."""
        state = checkpoints.at(self.run, iso_utc(timezone.now())).state

        def is_at_it(agent: str) -> bool:
            """Whether it is shown with what it waits for, and without tools that have ended."""
            waits = any(run.waits(agent) for run in state.runs.values())
            return waits or bool(state.model_calls_of(agent))

        wanted = {
            agent: [
                state.state_of(agent),
                [
                    [
                        tool["execution_id"],
                        tool["status"],
                        tool.get("message", "") * (tool["status"] == "running"),
                    ]
                    for tool in state.tools_of(agent)
                    if tool["status"] == "running" or not is_at_it(agent)
                ],
                [call["call_id"] for call in state.model_calls_of(agent)],
            ]
            for agent in self.run.crew.agents.values_list("slug", flat=True)
        }
        same(self.crew_page, AGENTS, wanted)
        same(self.page, RUN, self.page.evaluate(RENDERED))
        open_ids = [*self.page.evaluate("outputsShown()")]
        written = OutputChunk.objects.filter(execution__in=open_ids).order_by("offset")
        texts = dict.fromkeys(open_ids, "")
        for id, text in written.values_list("execution", "text"):
            texts[str(id)] += text
        same(self.page, OUTPUTS, {id: text.rstrip("\n") for id, text in texts.items()})

    def look_back(self, seed: int = 0) -> None:
        """Go to each moment on both pages, in any order, and compare what is shown."""
        known = checkpoints.recording(self.run)
        first, last = parsed(known.first), parsed(known.last)
        slider = Slider(first, last - first)
        for page in (self.page, self.crew_page):
            page.locator("#replay input").hover()  # reads what is known of the run
            expect(page.locator("[data-replay=time]")).to_have_text("End")
        for moment in random.Random(seed).sample(self.seen, len(self.seen)):
            for page, script, wanted in (
                (self.crew_page, THEN, moment.crew),
                (self.page, RUN, moment.run),
            ):
                slider.go_to(page, moment)
                same(page, script, wanted)
            # A card that is open at both times; what has been closed meanwhile stays closed.
            shown = self.page.evaluate("outputsShown()")
            same(
                self.page, OUTPUTS, {id: moment.outputs[id] for id in shown if id in moment.outputs}
            )


@dataclass
class Slider:
    """The scrubber of a run that has ended."""

    first: datetime
    length: timedelta

    def go_to(self, page: Page, moment: Moment) -> None:
        """Move the slider there, or follow the address if it has no step within the moment."""
        since, until = ((at - self.first) / self.length for at in (moment.since, moment.until))
        margin = READ_AS / self.length
        step = ceil((since + margin) * STEPS)
        if step < (until - margin) * STEPS or step >= STEPS:
            page.evaluate(SEEK, min(step, STEPS))
        else:
            middle = moment.since + (moment.until - moment.since) / 2
            page.goto(f"{page.url.partition('?')[0]}?at={quote(iso_utc(middle))}")


def same(page: Page, script: str, wanted: Any) -> None:
    """Wait until ``script`` returns ``wanted``. Fails with the difference."""
    try:
        page.wait_for_function(
            f"wanted => JSON.stringify(({script})(JSON.parse(wanted))) === wanted",
            arg=json.dumps(wanted, separators=(",", ":"), ensure_ascii=False),
            polling=50,  # milliseconds; to look at all of a page for each frame keeps it busy
            timeout=WITHIN_MS,
        )
    except PlaywrightTimeout:
        raise AssertionError(difference(page.evaluate(script, wanted), wanted)) from None


def difference(shown: Any, wanted: Any) -> str:
    texts = [
        json.dumps(each, indent=1, ensure_ascii=False).splitlines() for each in (wanted, shown)
    ]
    return "\n".join(unified_diff(*texts, "wanted", "shown", n=1, lineterm=""))
