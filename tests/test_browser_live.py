"""All tabs of a browser share one connection: in a real browser, against a live server."""

import re

import pytest
from playwright.sync_api import expect

from crews.models import Membership
from realtime.tests.sockets.helpers import work
from tests.live import Web

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),  # else every crew is offline
]

TABS = 12
NO_WORKERS = "delete globalThis.SharedWorker"


@pytest.fixture(scope="module")
def one_socket(django_db_setup):
    """A server on which a user may have one socket: a second would be refused."""
    process = Web(SOCKETS_PER_USER="1", REALTIME_HEARTBEAT_S="1")
    yield process
    assert process.running, process.log.read_text()
    process.stop()


@pytest.fixture
def browser(chromium, one_socket, client, reduced_motion):
    """A browser's profile; call ``sign_in`` with a user, and ``tab`` with a path."""

    class Browser:
        def __init__(self) -> None:
            self.context = chromium.new_context(
                base_url=one_socket.origin, reduced_motion=reduced_motion
            )
            self.errors = []

        def sign_in(self, user) -> None:
            client.force_login(user)
            cookie = client.cookies["sessionid"].value
            address = {"name": "sessionid", "value": cookie, "url": one_socket.origin}
            self.context.add_cookies([address])

        def tab(self, path: str = "/"):
            page = self.context.new_page()
            page.on("pageerror", lambda error: self.errors.append(str(error)))
            page.goto(path)
            return page

    profile = Browser()
    yield profile
    profile.context.close()
    assert profile.errors == []


def state(page, expected: str) -> None:
    mark = page.locator("[data-live-mark]").first
    expect(mark).to_have_attribute("data-state", expected)


def test_many_tabs_are_one_socket_and_each_shows_what_happens(browser, acme):
    browser.sign_in(acme.operator)
    run = acme.start_run()
    paths = ["/", acme.crew.get_absolute_url(), run.get_absolute_url()]
    tabs = [browser.tab(paths[number % len(paths)]) for number in range(TABS)]
    for tab in tabs:
        state(tab, "live")
    tabs.pop(0).close()  # the one that has started the worker
    work(run, run.plan["tasks"][0])
    for tab in tabs:
        state(tab, "live")
        if "/runs/" in tab.url:
            expect(tab.locator("body")).to_contain_text("hello")
        elif "/crews/" in tab.url:
            card = tab.locator("#graph [data-agent=orion]")
            expect(card).to_have_attribute("data-state", "done")
    run.finish("failed", reason="task_failed", message="It failed.")
    for tab in tabs:
        if "/runs/" in tab.url:
            badge = tab.locator("#run-head .status-badge")
            expect(badge).to_have_text("Failed")


def test_a_closed_tab_leaves_its_streams(browser, acme, one_socket):
    browser.sign_in(acme.operator)
    staying, leaving = browser.tab(), browser.tab(acme.crew.get_absolute_url())
    state(leaving, "live")
    leaving.close()
    again = browser.tab(acme.crew.get_absolute_url())
    state(again, "live")
    state(staying, "live")


def test_signing_out_in_one_tab_ends_all_and_another_user_gets_nothing_of_it(browser, acme, globex):
    browser.sign_in(acme.operator)
    stale, leaving = browser.tab(), browser.tab()
    for tab in (stale, leaving):
        state(tab, "live")
    leaving.get_by_role("button", name="Menu").click()
    leaving.get_by_role("button", name="Sign out").click()
    expect(stale).to_have_url(re.compile("/login/"))
    browser.sign_in(globex.operator)
    theirs = browser.tab()
    state(theirs, "live")
    globex.start_run()
    badge = theirs.locator(f"#crew-{globex.crew.pk} .status-badge")
    expect(badge).to_have_text("Busy")
    assert globex.crew.name not in stale.content()


def test_a_lost_membership_ends_the_streams_and_not_the_socket(browser, acme, globex):
    Membership.objects.create(user=acme.viewer, organization=globex.organization)
    browser.sign_in(acme.viewer)
    dashboard, crew = browser.tab(), browser.tab(acme.crew.get_absolute_url())
    for tab in (dashboard, crew):
        state(tab, "live")
    Membership.objects.filter(user=acme.viewer, organization=acme.organization).delete()
    expect(crew.locator("h1")).to_have_text("Not found")
    state(dashboard, "live")
    run = globex.start_run()
    badge = dashboard.locator(f"#crew-{run.crew_id} .status-badge")
    expect(badge).to_have_text("Busy")


def test_without_shared_workers_a_page_has_one_socket_of_its_own(browser, acme):
    browser.sign_in(acme.operator)
    for _ in range(9):
        acme.start_run()
    browser.context.add_init_script(NO_WORKERS)
    sockets = []
    page = browser.context.new_page()
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(acme.crew.get_absolute_url())
    state(page, "live")
    assert ["/ws/live" in url for url in sockets] == [True]


def test_the_monitoring_page_opens_no_socket_of_its_own(browser, acme):
    """The server takes one socket of a user, and these are two pages of figures and a crew's."""
    browser.sign_in(acme.admin)
    sockets = []
    browser.context.on(
        "page", lambda page: page.on("websocket", lambda socket: sockets.append(socket.url))
    )
    crew = browser.tab(acme.crew.get_absolute_url())
    tabs = [browser.tab(f"/monitoring/{query}") for query in ("", "?organization=acme")]
    for tab in (crew, *tabs):
        state(tab, "live")
    run = acme.start_run()
    for tab in tabs:
        expect(tab.locator("b[data-figure=slots_used]")).to_have_text("1")
    membership = Membership.objects.get(user=acme.admin)
    membership.role = "operator"
    membership.save()
    for tab in tabs:
        state(tab, "offline")
    work(run, run.plan["tasks"][0])
    expect(crew.locator("#graph [data-agent=orion]")).to_have_attribute("data-state", "done")
    state(crew, "live")
    assert sockets == []


def test_when_the_worker_ends_another_takes_over(browser, acme, chromium):
    browser.sign_in(acme.operator)
    run = acme.start_run()
    tabs = [browser.tab(run.get_absolute_url()) for _ in range(2)]
    for tab in tabs:
        state(tab, "live")
    control = chromium.new_browser_cdp_session()
    targets = control.send("Target.getTargets", {"filter": [{}]})["targetInfos"]
    (worker,) = [target for target in targets if target["type"] == "shared_worker"]
    control.send("Target.closeTarget", {"targetId": worker["targetId"]})
    control.detach()
    work(run, run.plan["tasks"][0])
    for tab in tabs:
        state(tab, "live")
        expect(tab.locator("body")).to_contain_text("hello")
    targets = chromium.new_browser_cdp_session().send("Target.getTargets", {"filter": [{}]})
    workers = [t for t in targets["targetInfos"] if t["type"] == "shared_worker"]
    assert [t["targetId"] for t in workers] != [worker["targetId"]]
    assert len(workers) == 1
