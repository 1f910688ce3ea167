"""A crew is made in the admin as a person makes it, in a real browser, while a worker is alive."""

import json

import pytest

from conftest import HELLO
from crews.models import Crew
from runs.models import Worker
from tests.admin import url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AGENTS = ("Orion the First", "Vega", "Lyra")


@pytest.fixture
def signed_in(page, client, superuser):
    client.force_login(superuser)
    cookie = client.cookies["sessionid"]
    address = {"name": "sessionid", "value": cookie.value, "domain": "127.0.0.1", "path": "/"}
    page.context.add_cookies([address, address | {"domain": "localhost"}])
    return page


def add_row(page, prefix: str, number: int) -> None:
    """Press the button that adds a row, until the row is there."""
    page.locator(f"#{prefix}-group .add-row a, #{prefix}-group a.add-row").first.click()
    page.wait_for_selector(f"#id_{prefix}-{number}-name")


def test_a_crew_with_three_agents_and_their_tasks_is_made(signed_in, acme):
    page = signed_in
    Worker.objects.beat("w")
    page.goto(url("crews_crew_add"))
    page.select_option("#id_organization", str(acme.organization.pk))
    page.locator("#id_name").press_sequentially("Night shift")
    for number, name in enumerate(AGENTS):
        add_row(page, "agents", number)
        page.locator(f"#id_agents-{number}-name").press_sequentially(name)
    slugs = [page.input_value(f"#id_agents-{number}-slug") for number in range(3)]
    assert slugs == ["orion-the-first", "vega", "lyra"]
    page.locator("[name=_save]").first.click()
    page.wait_for_url("**/change/")

    crew = Crew.objects.get(slug="night-shift")
    assert crew.status == "available"
    assert [(agent.name, agent.order) for agent in crew.agents.all()] == [
        (name, number) for number, name in enumerate(AGENTS)
    ]
    for number, agent in enumerate(crew.agents.all()):
        add_row(page, "tasks", number)
        page.fill(f"#id_tasks-{number}-name", f"Task {2 - number}")
        page.select_option(f"#id_tasks-{number}-agent", str(agent.pk))
        page.fill(f"#id_tasks-{number}-steps", json.dumps(HELLO))
    page.locator("[name=_save]").first.click()
    page.wait_for_url("**/crew/")
    assert [(task.name, task.order) for task in crew.tasks.all()] == [
        ("Task 2", 0), ("Task 1", 1), ("Task 0", 2),
    ]  # fmt: skip
