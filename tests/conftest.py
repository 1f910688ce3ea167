"""A browser for the tests that need one."""

import os
from collections.abc import Iterator

import pytest

from tests.live import Web

EXPECT_MS = 60_000  # on a busy machine; the demo run alone takes about ten seconds


# Not for the session: while Playwright is there, nothing else in this thread can run an event loop.
@pytest.fixture(scope="module")
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
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(chromium, web: Web) -> Iterator:
    """A page in a fresh context; an error in its scripts or a refused resource fails the test."""
    complaints: list[str] = []
    context = chromium.new_context(base_url=web.origin)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
    )
    yield page
    context.close()
    assert complaints == []
