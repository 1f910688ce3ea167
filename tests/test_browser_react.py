"""The React example, built by Vite, on another origin than the server: in a real browser."""

import os
import re
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.conf import settings
from playwright.sync_api import expect

from conftest import PASSWORD
from realtime.tests.sockets.helpers import work
from tests.live import Web

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),  # else every crew is offline
]

VITE = settings.BASE_DIR / "node_modules/vite/bin/vite.js"
EXAMPLE = settings.BASE_DIR / "examples/react-dashboard"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A directory for the built page, and the server of pages over it."""
    directory = tmp_path_factory.mktemp("built")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=directory))
    Thread(target=server.serve_forever, daemon=True).start()
    yield directory, server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def crewops(django_db_setup, built):
    """A server that allows the page's origin, and one socket a user: a second would be refused."""
    process = Web(ALLOWED_ORIGINS=f"http://127.0.0.1:{built[1]}", SOCKETS_PER_USER="1")
    yield process
    assert process.running, process.log.read_text()
    process.stop()


# In development, React's StrictMode mounts every component twice.
@pytest.fixture(scope="module", params=["production", "development"])
def address(request, built, crewops) -> str:
    """The page's address, built as its README says."""
    directory, port = built
    build(directory, VITE_WS_URL=crewops.origin, NODE_ENV=request.param)
    return f"http://127.0.0.1:{port}/"


def build(directory: Path, **variables: str) -> None:
    command = ["node", VITE, "build", "--outDir", directory, "--emptyOutDir", "--logLevel", "error"]
    subprocess.run(command, cwd=EXAMPLE, env=os.environ | variables, check=True)


@pytest.fixture
def tab(chromium, reduced_motion):
    """A tab of a browser; an error in its scripts fails the test."""
    context = chromium.new_context(reduced_motion=reduced_motion)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def sign_in(tab, name: str, password: str) -> None:
    tab.get_by_label("User name").fill(name)
    tab.get_by_label("Password").fill(password)
    tab.get_by_role("button", name="Sign in").click()


def test_a_user_signs_in_and_sees_a_run_move(tab, address, acme, globex):
    run = acme.start_run()
    sockets = []
    tab.on("websocket", lambda socket: sockets.append(socket.url))
    tab.goto(address)
    sign_in(tab, acme.operator.username, "wrong")
    expect(tab.get_by_role("alert")).to_contain_text("password is wrong")
    sign_in(tab, acme.operator.username, PASSWORD)
    mission = tab.get_by_role("navigation", name="Mission")
    expect(mission.get_by_role("button")).to_have_count(1)  # none of another organization
    expect(mission).to_contain_text("busy")
    tasks = tab.locator(".tasks > li")
    expect(tasks).to_have_count(len(run.plan["tasks"]))
    for number, task in enumerate(run.plan["tasks"]):
        expect(tasks.nth(number)).to_have_attribute("data-status", "pending")
        work(run, task)
        expect(tasks.nth(number)).to_have_attribute("data-status", "succeeded")
        agent = tab.locator(f'[data-agent="{task["agent_id"]}"]')
        expect(agent).to_have_attribute("data-state", "done")
        expect(tab.get_by_test_id("run-status")).to_have_text("running")
    run.finish("succeeded")
    expect(tab.get_by_test_id("run-status")).to_have_text("succeeded")
    expect(mission).to_contain_text("available")
    assert [re.sub(".*/ws", "/ws", url) for url in sockets] == ["/ws/live"]


def test_a_run_that_starts_is_shown_and_a_reload_keeps_the_user(tab, address, acme):
    tab.goto(address)
    sign_in(tab, acme.operator.username, PASSWORD)
    expect(tab.get_by_text("This crew has not run yet.")).to_be_visible()
    tab.get_by_role("button", name="Start run").click()
    expect(tab.get_by_test_id("run-status")).to_have_text("queued")
    tab.reload()
    expect(tab.get_by_test_id("run-status")).to_have_text("queued")
    tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
    tab.reload()
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_page_of_an_origin_that_is_not_allowed_says_what_to_set(tab, address, acme):
    tab.goto(address.replace("127.0.0.1", "localhost"))
    sign_in(tab, acme.operator.username, PASSWORD)
    expect(tab.get_by_role("alert")).to_contain_text("ALLOWED_ORIGINS")
