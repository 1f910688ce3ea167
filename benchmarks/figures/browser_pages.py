"""Pages of large runs and of a large crew in Chromium: what they cost the reader and the server."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.deployment import Deployment
from benchmarks.processes import Process, listens, python
from benchmarks.sample import Sample
from tests.ports import free_port

BIG_RUN = str(Path(__file__).parent.parent / "big_run.py")
REPORTS = 20.0  # a second, of the live run
QUIET_S = 5.0  # without a long task, then a page counts as interactive
SETTLED_S = 5.0  # between opening the live page and measuring it
LOAD_MS = 300_000  # old commits take minutes
LONG_US = 50_000
SCROLL_S = 3.0
SCROLLED_PX = 40  # a frame
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
CATEGORIES = ["toplevel", "devtools.timeline", "blink.user_timing"]
METRICS_TOKEN = "a-token-of-the-benchmarks"
MARK = "measured"  # in the trace, by which the page's own process is found
TASK_NAMES = ("RunTask", "ThreadControllerImpl::RunTask")


def measure(name: str, deployed: Deployment, seconds: float) -> Iterator[Sample]:
    """Of each page ``longest_ms`` and ``longest_cpu_ms``, the longest task of its main thread,
    ``interactive_ms`` and what `_felt` says; of the live page what a viewer costs the server."""
    from playwright.sync_api import sync_playwright

    seed = deployed.ask(python(BIG_RUN, "seed"))
    with served(deployed) as (web, origin), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 860})
        context.add_cookies([{"name": "sessionid", "value": seed["session"], "url": origin}])
        for case, path in (("ended run", seed["ended"]), ("crew graph", seed["graph"])):
            values = _opened(browser, context, origin + path)
            values |= _felt(browser, context.cookies(), origin + path)
            yield Sample("browser-pages", f"{name}, {case}", values)
        worker = python(BIG_RUN, "work", "--run", seed["run"], "--rate", str(REPORTS))
        log = deployed.directory / "work.log"
        with Process(*worker, log=log, env=deployed.env, checkout=deployed.checkout) as working:
            values = _watched(browser, context, origin + seed["live"], web, seconds)
            if not working.lives:
                raise RuntimeError(f"The run's tools ended:\n{log.read_text()}")
            yield Sample("browser-live", name, values)
        browser.close()


@contextmanager
def served(deployed: Deployment) -> Iterator[tuple[Process, str]]:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    env = deployed.env | {
        "PORT": str(port),
        "ALLOWED_ORIGINS": origin,
        "HTTPS_REDIRECT": "0",
        "STATIC_ROOT": str(deployed.directory / "static"),
    }
    # A token with which the sockets can be counted.
    env["METRICS_TOKEN"] = METRICS_TOKEN
    log, checkout = deployed.directory / "pages.log", deployed.checkout
    collecting = python("manage.py", "collectstatic", "--no-input", "--verbosity=0")
    with Process(*collecting, log=log, env=env, checkout=checkout) as collected:
        collected.wait()
    with Process(*python("-m", "crewops.web"), log=log, env=env, checkout=checkout) as web:
        yield web.until(lambda: listens(port)), origin


@dataclass
class Traffic:
    """Bytes that a page has received, as they were on the wire."""

    document: float = 0.0
    total: float = 0.0
    _documents: set[str] = field(default_factory=set)

    def listen(self, session: Any) -> None:
        session.send("Network.enable")
        session.on("Network.responseReceived", self._response)
        session.on("Network.loadingFinished", self._finished)
        session.on("Network.webSocketFrameReceived", self._frame)

    def _response(self, event: dict[str, Any]) -> None:
        if event["type"] == "Document":
            self._documents.add(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        self.total += event["encodedDataLength"]
        if event["requestId"] in self._documents:
            self.document += event["encodedDataLength"]

    def _frame(self, event: dict[str, Any]) -> None:
        self.total += len(event["response"]["payloadData"])


def _opened(browser: Any, context: Any, url: str) -> dict[str, float]:
    page = context.new_page()
    traffic = Traffic()
    traffic.listen(context.new_cdp_session(page))
    browser.start_tracing(page=page, categories=CATEGORIES)
    page.goto(url, wait_until="load", timeout=LOAD_MS)
    page.wait_for_timeout(QUIET_S * 1000)
    loaded_ms = page.evaluate(
        "performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart"
    )
    began, tasks = _tasks(browser, page)
    page.close()
    long = [task for task in tasks if task["dur"] >= LONG_US]
    last_ms = max(((task["ts"] + task["dur"] - began) / 1000 for task in long), default=0.0)
    return {
        **_longest(tasks),
        "interactive_ms": max(loaded_ms, last_ms),
        "document_kb": traffic.document / 1024,
        "all_kb": traffic.total / 1024,
    }


# Scrolls through the page, a step a frame, and back at its end; how many frames there were.
SCROLL = """([seconds, step]) => new Promise((done) => {
    const began = performance.now();
    let frames = 0;
    const next = (now) => {
        if (now - began > seconds * 1000) return done(frames / ((now - began) / 1000));
        frames += 1;
        const end = document.documentElement.scrollHeight - innerHeight;
        if (scrollY >= end - 1 || (scrollY <= 0 && step < 0)) step = -step;
        scrollBy({top: step, behavior: "instant"});
        requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
})"""


def _felt(browser: Any, cookies: Any, url: str) -> dict[str, float]:
    """First paint without a cache, heap after a collection, and frames a second while scrolling."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(url, wait_until="load", timeout=LOAD_MS)
    painted_ms = page.wait_for_function(
        "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    ).json_value()
    page.wait_for_timeout(SETTLED_S * 1000)
    frames = page.evaluate(SCROLL, [SCROLL_S, SCROLLED_PX])
    session = context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    context.close()
    return {"first_paint_ms": painted_ms, "heap_mb": heap / 2**20, "frames_per_s": frames}


def _watched(
    browser: Any, context: Any, url: str, web: Process, seconds: float
) -> dict[str, float]:
    """What one viewer costs, less what the server does without one."""
    alone = _cpu_share(web, seconds, time.sleep)
    page = context.new_page()
    page.goto(url, wait_until="load", timeout=LOAD_MS)
    page.wait_for_timeout(SETTLED_S * 1000)
    traffic = Traffic()
    traffic.listen(context.new_cdp_session(page))
    browser.start_tracing(page=page, categories=CATEGORIES)
    watched = _cpu_share(web, seconds, lambda s: page.wait_for_timeout(s * 1000))
    _, tasks = _tasks(browser, page)
    page.close()
    return {
        "server_percent": (watched - alone) * 100,
        "kb_per_s": traffic.total / 1024 / seconds,
        **_longest(tasks),
    }


def _cpu_share(process: Process, seconds: float, pause: Any) -> float:
    """CPU that the process takes meanwhile, of a core."""
    cpu_s, begun = process.cpu_s(), time.monotonic()
    pause(seconds)
    return (process.cpu_s() - cpu_s) / (time.monotonic() - begun)


def _longest(tasks: list[dict[str, Any]]) -> dict[str, float]:
    return {
        "longest_ms": max(task["dur"] for task in tasks) / 1000,
        "longest_cpu_ms": max(task.get("tdur", 0) for task in tasks) / 1000,
    }


def _tasks(browser: Any, page: Any) -> tuple[float, list[dict[str, Any]]]:
    """Start of the navigation to ``page``, in µs of the trace, and its main thread's tasks."""
    marked_ms = page.evaluate("name => performance.mark(name).startTime", MARK)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    mark = next(event for event in events if event["name"] == MARK)
    began, main = mark["ts"] - marked_ms * 1000, (mark["pid"], mark["tid"])
    ran = (e for e in events if e["name"] in TASK_NAMES and "dur" in e)
    return began, [e for e in ran if (e["pid"], e["tid"]) == main and e["ts"] >= began]
