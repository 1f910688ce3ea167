"""A private repository, cloned by a live worker: the secret shows nowhere, while it works and
after.
"""

from collections.abc import Iterator

import pytest
from django.conf import settings

from runs.execution.executor import workspace_of
from runs.models import Run, ToolExecution, Worker
from runs.tests.tools.forge import HERE, Forge
from runs.tests.tools.traces import dump, files_that_hold, shown_by_processes
from tests.live import Process, eventually, published_to

MARKER = "a marker, which a script prints"


@pytest.fixture
def worker(transactional_db, forge: Forge) -> Iterator[Process]:
    """A live worker that may clone from the forge, and logs all it can."""
    process = Process(
        *("-m", "celery", "-A", "crewops", "worker", "--concurrency", "1"),
        LOG_LEVEL="DEBUG",
        TOOLS_GIT_ALLOWED_HOSTS=HERE,
        TOOLS_GIT_PRIVATE_HOSTS=HERE,
        TOOLS_GIT_CA_FILE=settings.TOOLS_GIT_CA_FILE,
    )
    eventually(Worker.objects.alive().exists, within_s=30)
    yield process
    process.stop()


def test_it_is_cloned_and_no_trace_of_the_secret_is_left(
    acme, forge: Forge, worker: Process, redis_server
):
    acme.keep_secret(forge.password, name="deploy", host=f"{HERE}:{forge.port}")
    steps = [
        {"tool": "git_clone", "params": {"url": forge.url("/private.git"), "credential": "deploy"}},
        {"tool": "script", "params": {"interpreter": "bash", "code": f"echo {MARKER}; env; set"}},
    ]
    acme.give_steps(*steps)
    acme.crew.tasks.last().delete()
    shown: set[str] = set()
    forge.during = lambda: shown.update(shown_by_processes(forge.canary))
    with redis_server.pubsub() as listener:
        listener.psubscribe("*")
        run = Run.objects.request(crew=acme.crew, user=acme.operator)
        eventually(lambda: Run.objects.get(pk=run.pk).is_over, within_s=60)
        run.refresh_from_db()
        assert run.status == "succeeded", run.message
        published = published_to(listener)
    worker.stop()

    assert set(forge.received) == {f"git:{forge.password}"}
    assert shown == set()
    assert files_that_hold(forge.canary, workspace_of(run.pk)) == []
    clone = ToolExecution.objects.get(tool="git_clone")
    assert clone.params["credential"] == "deploy"
    log = worker.log.read_text()
    for text in (dump(), published, log):
        assert forge.canary not in text
    # The control: the output is in each of these, so a leaked secret would be, too.
    assert MARKER in dump()
    assert MARKER in published
    assert str(clone.pk) in log
