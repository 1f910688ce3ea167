"""Jumps to moments of a run of 100,000 events, and many tabs of one browser, in Chromium."""

import os
import random
import urllib.request
from collections.abc import Iterator
from typing import Any

from benchmarks.deployment import Deployment
from benchmarks.figures.browser_pages import FLAGS, LOAD_MS, METRICS_TOKEN, served
from benchmarks.processes import python
from benchmarks.sample import Sample, percentile

JUMPS = 100
PAUSE_MS = 500  # between jumps: a page lets the server rest after each
TABS = 40

# Moves the slider; the milliseconds until the page has drawn another moment.
JUMP = """([place, what]) => new Promise((done) => {
    const slider = document.querySelector("#replay input");
    const began = performance.now();
    const observer = new MutationObserver(() => {
        observer.disconnect();
        requestAnimationFrame(() => done(performance.now() - began));
    });
    const changes = {subtree: true, childList: true, characterData: true, attributes: true};
    observer.observe(document.querySelector(what), changes);
    slider.value = place;
    slider.dispatchEvent(new Event("input", {bubbles: true}));
})"""
# The milliseconds from the page's content to its live mark.
LIVE = """() => new Promise((done) => {
    const look = () => {
        const [page] = performance.getEntriesByType("navigation");
        const mark = document.querySelector("[data-live-mark]")?.dataset.state;
        if (mark !== "live" || !page.domContentLoadedEventEnd) return setTimeout(look, 1);
        done(Math.max(performance.now() - page.domContentLoadedEventEnd, 0));
    };
    look();
})"""


def measure(deployed: Deployment) -> Iterator[Sample]:
    """``p50_ms`` and ``p95_ms`` of jumps, on each page; of tabs the sockets and the delay."""
    from playwright.sync_api import sync_playwright

    seed = deployed.ask(python("-m", "benchmarks.recorded_run", "seed"))
    with served(deployed) as (_, origin), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 860})
        context.add_cookies([{"name": "sessionid", "value": seed["session"], "url": origin}])
        for name, what in (("crew", "#agents"), ("run", "#run-live")):
            took = _jumps(context, origin + seed[name], what)
            values = {f"p{share}_ms": percentile(took, share) for share in (50, 95)}
            yield Sample("browser-moments", f"{name} page, {JUMPS} jumps", values)
        yield Sample("browser-tabs", f"{TABS} tabs", _tabs(context, origin, seed))
        browser.close()


def _jumps(context: Any, url: str, what: str) -> list[float]:
    page = context.new_page()
    page.goto(url, timeout=LOAD_MS)
    page.locator("#replay input").focus()
    # All events have been read once.
    page.wait_for_function(
        "() => document.querySelector('[data-replay=time]').textContent === 'End' &&"
        " !document.querySelector('[data-replay=note]').textContent",
        timeout=LOAD_MS,
    )
    places = random.Random(0).sample(range(1, 1_000), JUMPS)
    took = []
    for place in places:
        took.append(page.evaluate(JUMP, [place, what]))
        page.wait_for_timeout(PAUSE_MS)
    page.close()
    return took


def _tabs(context: Any, origin: str, seed: dict[str, str]) -> dict[str, float]:
    paths = [seed["crew"], "/"]
    took = []
    for number in range(TABS):
        page = context.new_page()
        page.goto(origin + paths[number % len(paths)], wait_until="commit", timeout=LOAD_MS)
        took.append(page.evaluate(LIVE))
    return {
        "opened": _sockets(origin),
        "p50_ms": percentile(took[1:], 50),
        "p95_ms": percentile(took[1:], 95),
    }


def _sockets(origin: str) -> float:
    """How many sockets are open, as the server counts them."""
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    request = urllib.request.Request(f"{origin}/metrics", headers=headers)
    with urllib.request.urlopen(request) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("crewops_sockets{"))
