"""Programs that report to the live server, and a person who steers them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Tenant
from tests.integrations.programs import Person, Program
from tests.live import Web


@pytest.fixture
def reports(web: Web, acme: Tenant, tmp_path: Path) -> dict[str, str]:
    """The variables with which a program reports to the live server."""
    return {
        "CREWOPS_URL": web.origin,
        "CREWOPS_API_KEY": acme.issue_key("report")[1],
        "CREWOPS_SPOOL_DIR": str(tmp_path / "spool"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


@pytest.fixture
def person(web: Web, acme: Tenant) -> Iterator[Person]:
    made = Person(web.origin, acme.operator)
    yield made
    made.close()


@pytest.fixture
def start(reports: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str, str], Program]]:
    """Starts a program of a framework with a story."""
    made = []

    def start_program(framework: str, story: str) -> Program:
        made.append(Program(framework, story, tmp_path, reports))
        return made[-1]

    yield start_program
    for program in made:
        program.kill()
