"""A browser for the tests that need one."""

import os
from collections.abc import Iterator

import pytest

from tests.live import Web

EXPECT_MS = 60_000  # on a busy machine; the demo run alone takes about ten seconds


def _as_long_as_possible(fixture_name: str, config: pytest.Config) -> str:
    """While Playwright is there, nothing else in this thread can run an event loop. So one browser
    is for all tests of this process only if all of them are tests of pages.
    """
    return "session" if config.getvalue("markexpr") == "browser" else "module"


@pytest.fixture(scope=_as_long_as_possible)
def chromium() -> Iterator:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=EXPECT_MS)
    # Playwright's synchronous interface keeps an event loop in this thread, beside our queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ["CHROMIUM"],
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--in-process-gpu",  # it only draws: a process less to start and to send frames to
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def reduced_motion(request: pytest.FixtureRequest) -> str:
    """What the browser's user prefers. A live page with animations draws sixty times a second while
    it waits, which keeps a quarter of a core busy; one without them, a fortieth.
    """
    return "no-preference" if request.node.get_closest_marker("animated") else "reduce"


@pytest.fixture
def page(chromium, web: Web, reduced_motion: str) -> Iterator:
    """A page in a fresh context; an error in its scripts or a refused resource fails the test."""
    complaints: list[str] = []
    context = chromium.new_context(base_url=web.origin, reduced_motion=reduced_motion)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
    )
    yield page
    context.close()
    assert complaints == []
