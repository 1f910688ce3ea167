"""A run of hostile scripts through a real worker: nothing that is stored or logged holds a
secret.
"""

import os
from collections.abc import Iterator

import pytest

from conftest import Tenant
from crews.models import Task
from runs.models import Run, ToolExecution, Worker
from runs.tests.tools.scene import Scene, scene
from runs.tests.tools.test_box_secrets import SCRIPTS
from runs.tests.tools.traces import dump
from runs.tools import box
from tests.live import Process, eventually

pytestmark = pytest.mark.django_db(transaction=True)

CARRIED_OUT_S = 120.0
STARTED = "was started"


@pytest.fixture
def loot(tmp_path) -> Iterator[Scene]:
    with scene(tmp_path) as made:
        yield made


@pytest.fixture(params=["tests.settings", "tests.settings_without_sandbox"])
def boxed(request, acme: Tenant, loot: Scene) -> Iterator[bool]:
    """A worker with the canary in its environment; whether its tools are in a box."""
    if request.param != "tests.settings_without_sandbox" and not box.tier().is_sandbox:
        # CI must have user namespaces; elsewhere what cannot be tried is said.
        (pytest.fail if "CI" in os.environ else pytest.skip)(box.tier().shortfall)
    settings = (
        {} if request.param == "tests.settings" else {"DJANGO_SETTINGS_MODULE": request.param}
    )
    Worker.objects.all().delete()
    process = Process(
        *("-m", "celery", "-A", "crewops", "worker", "--concurrency", "1"),
        CREWOPS_CANARY=loot.canary,
        **settings,
    )
    eventually(Worker.objects.alive().exists, within_s=30)
    yield not settings
    process.stop()
    assert loot.canary not in process.log.read_text()


def give_each_script_a_task(acme: Tenant, loot: Scene) -> None:
    acme.crew.tasks.all().delete()
    agent = acme.crew.agents.first()
    for order, (interpreter, name, code) in enumerate(SCRIPTS):
        say = f"echo '{STARTED}'\n" if interpreter == "bash" else f"print('{STARTED}')\n"
        params = {"interpreter": interpreter, "code": say + loot.fill(code)}
        Task.objects.create(
            crew=acme.crew, agent=agent, name=name, order=order, continue_on_error=True,
            steps=[{"tool": "script", "params": params}],
        )  # fmt: skip


def test_hostile_scripts_leave_no_secret_anywhere(acme, loot, boxed):
    give_each_script_a_task(acme, loot)
    run = Run.objects.request(crew=acme.crew, user=acme.operator)
    eventually(lambda: Run.objects.get(pk=run.pk).is_over, CARRIED_OUT_S)
    outputs = [execution.output for execution in ToolExecution.objects.all()]
    assert sum(STARTED in output for output in outputs) == len(SCRIPTS)
    assert (loot.canary in dump()) == (not boxed)
