"""Fixtures for the tests of runs: users, another crew, and a git host."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from crews.models import Crew, Task
from runs.tests.tools.forge import ELSEWHERE, HERE, NAMES, Forge, serving


@pytest.fixture
def people(acme, globex, superuser) -> dict[str, User | None]:
    return {
        "admin": acme.admin,
        "operator": acme.operator,
        "viewer": acme.viewer,
        "outsider": globex.admin,
        "superuser": superuser,
        "anonymous": None,
    }


@pytest.fixture
def forge(tmp_path: Path, settings) -> Iterator[Forge]:
    """A git host that may be cloned from, with a canary for the password of `/private.git`."""
    settings.TOOLS_GIT_ALLOWED_HOSTS = [HERE, ELSEWHERE, *NAMES]
    settings.TOOLS_GIT_PRIVATE_HOSTS = [HERE, ELSEWHERE]
    with serving(tmp_path / "forge", f"canary-{uuid.uuid4().hex}/&") as (forge, authority):
        settings.TOOLS_GIT_CA_FILE = str(authority)
        yield forge


@pytest.fixture
def second(acme) -> Crew:
    """A second crew of Acme."""
    crew = Crew.objects.create(organization=acme.organization, name="Second", slug="second")
    agent = crew.agents.create(name="Lyra", slug="lyra")
    Task.objects.create(crew=crew, agent=agent, name="Lyra works", steps=[])
    return crew
