"""A crew with tasks of any order, and helpers that are threads of the test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from django.db import connection

from crews.models import Crew, Task
from runs.execution import helper_task, helper_wakeup, run_queue
from runs.execution import lease as lease_module
from runs.execution.executor import execute
from runs.models import Run
from runs.workspaces import workspace_of

END_S = 60.0


def bash(code: str) -> list[dict]:
    return [{"tool": "script", "params": {"interpreter": "bash", "code": code}}]


def wait_for(name: str) -> str:
    return f"until [ -e {name} ]; do sleep 0.02; done"


def meet(own: str, other: str) -> str:
    """A task that ends only if another one is at work at the same time."""
    return f"touch {own}; {wait_for(other)}"


class Work:
    """A run that a thread carries out, with other threads as its helpers."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.threads: list[threading.Thread] = []
        self.calls: list[list] = []
        self.answers = True  # whether a helper answers a call

    def start(self) -> None:
        self.in_thread(lambda: execute(run_queue.claim(worker="w")))

    def call(self, name: str, args: list, **options) -> None:
        assert name == "runs.tasks.help_run"
        assert options["queue"].name == "w.dq2"
        self.calls.append(args)
        if self.answers:
            self.in_thread(lambda: helper_task.help_run.run(*args))

    def in_thread(self, work: Callable[[], None]) -> None:
        def whole() -> None:
            try:
                work()
            finally:
                connection.close()

        self.threads.append(threading.Thread(target=whole))
        self.threads[-1].start()

    def end(self) -> Run:
        for thread in self.threads:  # the list may grow meanwhile
            thread.join(END_S)
            assert not thread.is_alive()
        self.run.refresh_from_db()
        return self.run

    def touch(self, name: str) -> None:
        (workspace_of(self.run.pk) / name).touch()

    def has(self, name: str) -> bool:
        return (workspace_of(self.run.pk) / name).exists()

    def statuses(self) -> dict[str, str]:
        return dict(self.run.task_executions.values_list("name", "status"))


@pytest.fixture
def crew_of(acme) -> Callable[..., Crew]:
    """Gives Acme's crew these tasks: ``name=(code, [names of the tasks before it])``."""

    def make(max_parallel: int = 1, may_fail: tuple[str, ...] = (), **tasks) -> Crew:
        crew = acme.crew
        crew.tasks.all().delete()
        crew.max_parallel = max_parallel
        crew.save()
        agents = list(crew.agents.all())
        made: dict[str, Task] = {}
        for order, (name, (code, _)) in enumerate(tasks.items()):
            made[name] = Task.objects.create(
                crew=crew,
                agent=agents[order % len(agents)],
                name=name,
                order=order,
                steps=bash(code),
                continue_on_error=name in may_fail,
            )
        for name, (_, after) in tasks.items():
            made[name].after = [str(made[other].pk) for other in after]
            made[name].full_clean()
            made[name].save()
        return crew

    return make


@pytest.fixture
def begin(acme, monkeypatch) -> Iterator[Callable[..., Work]]:
    """Begins a run of Acme's crew, or the given one."""
    monkeypatch.setattr(lease_module, "POLL_S", 0.02)
    begun: list[Work] = []

    def begin(run: Run | None = None, *, answers: bool = True) -> Work:
        work = Work(run or Run.objects.create(crew=acme.crew))
        work.answers = answers
        monkeypatch.setattr(helper_wakeup, "current_app", SimpleNamespace(send_task=work.call))
        monkeypatch.setattr(helper_wakeup.broker, "producer", lambda: nullcontext())
        begun.append(work)
        work.start()
        return work

    yield begin
    for work in begun:
        work.run.refresh_from_db()
        work.run.cancel()
        work.end()
