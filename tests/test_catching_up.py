"""What a page says of its connection while events are on their way, in a real browser.

A relay stands between the page's sockets and the server: it cuts them, and holds events back.
"""

import json
import re
from typing import Any

import pytest

from conftest import PASSWORD, Tenant
from realtime.tests.sockets.helpers import finish, work

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Relay:
    """Carries the frames of the page's sockets; what has a ``seq`` only while it does not hold.

    It cannot see the socket of a SharedWorker, so the page has none and uses a socket of its own.
    """

    def __init__(self, page: Any) -> None:
        page.add_init_script("delete globalThis.SharedWorker")
        self.holding = False
        self._held: list[tuple[Any, str]] = []
        self._open: list[Any] = []
        page.route_web_socket(re.compile("/ws/"), self._carry)

    def hold(self) -> None:
        self.holding = True

    def release(self) -> None:
        self.holding = False
        for socket, frame in self._held:
            socket.send(frame)
        self._held = []

    def cut(self) -> None:
        """Ends every connection as a server does that is restarted."""
        sockets, self._open, self._held = self._open, [], []
        for socket in sockets:
            socket.close(code=1012)

    def _carry(self, socket: Any) -> None:
        server = socket.connect_to_server()
        self._open.append(socket)

        def on_frame(frame: str) -> None:
            if self.holding and "seq" in json.loads(frame):
                self._held.append((socket, frame))
            else:
                socket.send(frame)

        server.on_message(on_frame)


@pytest.fixture
def relay(page) -> Relay:
    return Relay(page)


@pytest.fixture
def mark(page):
    return page.locator("[data-live-mark]")


def sign_in(page: Any, acme: Tenant) -> None:
    page.goto("/login/")
    page.get_by_label("User name").fill(acme.operator.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def test_a_run_page_catches_up_while_it_reads_what_has_happened(page, relay, mark, acme):
    from playwright.sync_api import expect

    run = acme.start_run()
    run.share(True)
    relay.hold()
    page.goto(run.get_absolute_url())
    expect(mark).to_have_attribute("data-state", "catching-up")
    expect(mark.get_by_role("status")).to_have_text("catching up")
    expect(mark).to_have_attribute("title", re.compile("on its way"))
    relay.release()
    expect(mark).to_have_attribute("data-state", "live")
    expect(mark.get_by_role("status")).to_have_text("live")


@pytest.mark.parametrize("where", ["run", "crew"])
def test_a_page_that_was_cut_off_reconnects_catches_up_and_shows_all(
    page, relay, mark, acme, worker_alive, where
):
    from playwright.sync_api import expect

    run = acme.start_run()
    sign_in(page, acme)
    page.goto((run if where == "run" else acme.crew).get_absolute_url())
    expect(mark).to_have_attribute("data-state", "live")

    relay.hold()
    relay.cut()
    expect(mark).to_have_attribute("data-state", "reconnecting")
    execution = work(run, run.plan["tasks"][0])
    expect(mark).to_have_attribute("data-state", "catching-up")
    expect(page.locator("html")).to_have_attribute("data-connection", "catching-up")

    relay.release()
    expect(mark).to_have_attribute("data-state", "live")
    if where == "run":
        expect(page.locator(f"#text-{execution.pk}")).to_have_text("hello\n")
    else:
        card = page.locator("#graph [data-agent=orion]")
        expect(card).to_have_attribute("data-state", "done")
        expect(card.locator(".tool-name")).to_have_text("script")


def test_the_dashboard_says_that_it_is_cut_off_and_tries_at_once_when_asked(
    page, relay, mark, acme, worker_alive
):
    from playwright.sync_api import expect

    sign_in(page, acme)
    expect(mark).to_have_attribute("data-state", "live")
    retry = mark.get_by_role("button", name="Try now")
    expect(retry).to_be_hidden()
    page.context.set_offline(True)
    # The browser says so of a VPN too: an open socket knows better.
    assert page.evaluate("navigator.onLine") is False
    acme.start_run()
    expect(mark).to_have_attribute("data-state", "live")
    relay.cut()
    expect(mark).to_have_attribute("data-state", "offline")
    page.context.set_offline(False)
    expect(mark).to_have_attribute("data-state", "live")
    # So that only the button brings it back.
    page.evaluate("Math.random = () => 1")
    page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close(code=4429))
    relay.cut()
    expect(mark).to_have_attribute("data-state", "limited")
    expect(retry).to_be_visible()
    relay = Relay(page)
    retry.click()
    expect(mark).to_have_attribute("data-state", "live")


def test_a_run_that_ends_while_the_page_is_cut_off_is_shown_as_finished(page, relay, mark, acme):
    from playwright.sync_api import expect

    run = acme.start_run()
    run.share(True)
    page.goto(run.get_absolute_url())
    expect(mark).to_have_attribute("data-state", "live")
    relay.cut()
    finish(run)
    expect(mark).to_have_attribute("data-state", "finished")
    expect(page.locator("#run-head .status-badge")).to_have_text("Succeeded")
    expect(page).to_have_title(re.compile("^Succeeded"))
