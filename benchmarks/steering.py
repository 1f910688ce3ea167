"""``python -m benchmarks.steering VERB``: an operator who steers runs of a deployment by HTTP.

The times begin when the request is sent. A worker is at work on the deployment's own database. Each
verb prints one line of JSON.
"""

import http.client
import json
import os
import subprocess
import time
from itertools import count as numbers
from itertools import pairwise
from statistics import median
from typing import Any
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.test import Client  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken  # noqa: E402

from benchmarks import verbs  # noqa: E402
from benchmarks.processes import PROJECT, python  # noqa: E402
from benchmarks.proctable import sleepers  # noqa: E402
from benchmarks.sample import percentile  # noqa: E402
from crews.models import Agent, Crew, Membership, Organization, Role, Task  # noqa: E402
from runs.models import Approval, Control, Run, ToolExecution, Worker  # noqa: E402
from tests.plans import queries  # noqa: E402
from tests.waiting import eventually  # noqa: E402

WAIT_S = 120.0
SETTLE_S = 0.5  # a tool, or a call that waits, before it is steered
PENDING = 1_000
PARALLEL, TASK_S = 5, 10
STEPS = 20  # of the run whose steps do nothing
TREE = "sleep {0} & sleep {0} & sleep {0}; true"  # the processes of a tool
MARKS = numbers(30_001)  # seconds that only one tool sleeps


class Operator:
    """Asks the web process at ``port``, with a token."""

    def __init__(self, port: int) -> None:
        organization = Organization.objects.get(slug="bench")
        self.user, is_new = User.objects.get_or_create(username="operator")
        if is_new:
            Membership.objects.create(organization=organization, user=self.user, role=Role.OPERATOR)
        token = AccessToken.for_user(self.user)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        self._connection.connect()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status not in (200, 201, 202):
            raise RuntimeError(f"{path} answered {response.status}: {text[:500]!r}")
        return json.loads(text)

    def start(self, crew: Crew) -> Run:
        return Run.objects.get(pk=self.post(f"/api/crews/{crew.pk}/runs/")["id"])

    def steer(self, run: Run, action: str) -> Control:
        asked = self.post(f"/api/runs/{run.pk}/controls/", action=action)
        return Control.objects.get(pk=asked["control_id"])


def cancels(*, port: int, count: int) -> dict[str, float]:
    """From the request to cancel until no process of the tool is left."""
    operator, took = Operator(port), []
    for _ in range(count + 1):
        mark = str(next(MARKS))
        run = operator.start(_crew([TREE.format(mark)]))
        eventually(lambda mark=mark: len(sleepers(mark)) == 3, WAIT_S)
        time.sleep(SETTLE_S)
        began = time.perf_counter()
        operator.steer(run, "cancel")
        while sleepers(mark):
            time.sleep(0.002)
        took.append((time.perf_counter() - began) * 1e3)
        eventually(lambda run=run: _now(run).is_over, WAIT_S)
    return _percentiles(took)


def pauses(*, port: int, count: int) -> dict[str, float]:
    """From the request to pause until its acknowledgement is committed."""
    operator, took = Operator(port), []
    mark = str(next(MARKS))
    run = operator.start(_crew([TREE.format(mark)]))
    eventually(lambda: len(sleepers(mark)) == 3, WAIT_S)
    for number in range(count + 1):
        time.sleep(SETTLE_S + number % 10 / 40)  # at any moment between two looks of the worker
        began = time.time()
        control = operator.steer(run, "pause")
        eventually(lambda control=control: _is_applied(control), WAIT_S)
        took.append((Control.objects.get(pk=control.pk).acknowledged_at.timestamp() - began) * 1e3)
        resume = operator.steer(run, "resume")
        eventually(lambda resume=resume: _is_applied(resume), WAIT_S)
    operator.steer(run, "cancel")
    eventually(lambda: _now(run).is_over, WAIT_S)
    return _percentiles(took)


def approvals(*, port: int, key: str, count: int) -> dict[str, float]:
    """From the request to approve until another program enters the body of the tool."""
    operator, took = Operator(port), []
    options = [f"--url=http://127.0.0.1:{port}", f"--key={key}", f"--calls={count + 1}"]
    program = subprocess.Popen(
        python("-m", "benchmarks.sdk", "gated", *options),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        for _ in range(count + 1):
            asked = eventually(Approval.objects.pending().filter(tool="gated").first, WAIT_S)
            time.sleep(SETTLE_S)
            began = time.time_ns()
            operator.post(f"/api/approvals/{asked.pk}/", decision="approve", seen=asked.seen)
            took.append((int(program.stdout.readline()) - began) / 1e6)
    return _percentiles(took)


def parallel(*, port: int) -> dict[str, float]:
    """From the request of a run of independent tasks until its end."""
    crew = _crew(*[[f"sleep {TASK_S}"]] * PARALLEL, max_parallel=PARALLEL)
    run = Operator(port).start(crew)
    eventually(lambda: _now(run).is_over, WAIT_S)
    run = _now(run)
    if run.status != Run.Status.SUCCEEDED:
        raise RuntimeError(f"The run ended as {run.status}: {run.message}")
    return {"run_s": (run.ended_at - run.created_at).total_seconds()}


def steps(*, port: int) -> dict[str, float]:
    """A step that runs ``true``, between the starts of two tools, beside ``bash -c true`` alone."""
    run = Operator(port).start(_crew(["true"] * STEPS))
    eventually(lambda: _now(run).is_over, WAIT_S)
    bare = []
    for _ in range(STEPS):
        began = time.perf_counter()
        subprocess.run(["bash", "-c", "true"], check=True)
        bare.append((time.perf_counter() - began) * 1e3)
    tools = ToolExecution.objects.filter(task_execution__run=run).order_by("started_at")
    starts = [tool.started_at.timestamp() * 1e3 for tool in tools]
    each = median(after - before for before, after in pairwise(starts))
    return {"step_ms": each, "bare_ms": median(bare), "overhead_ms": each - median(bare)}


def page(*, port: int) -> dict[str, float]:
    """The page of approvals with ``PENDING`` calls that wait, from Django's test client."""
    operator = Operator(port)
    run = Run.objects.create(crew=_crew(["true"]))
    run.start(worker="bench")
    params = {"interpreter": "bash", "code": "make deploy\n" * 20}
    call = {"agent_id": "orion", "tool": "script", "params": params, "expires_after_s": 3600}
    for _ in range(PENDING):  # each in a transaction of its own, as programs ask
        Approval.objects.request(id=uuid4(), run=run, **call)
    client, took = Client(), []
    client.force_login(operator.user)
    for _ in range(11):
        began = time.perf_counter()
        with queries() as asked:
            response = client.get("/approvals/", secure=True, headers={"Host": "127.0.0.1"})
        took.append((time.perf_counter() - began) * 1e3)
        if response.status_code != 200:
            raise RuntimeError(f"The page answered {response.status_code}")
    run.finish(Run.Status.FAILED)
    return {"ms": median(took[1:]), "queries": len(asked), "kb": len(response.content) / 1000}


def _crew(*tasks: list[str], **fields: Any) -> Crew:
    """A crew whose tasks are these lists of scripts, each a step."""
    eventually(Worker.objects.alive().exists, WAIT_S)
    name = f"steered-{time.monotonic_ns()}"
    crew = Crew.objects.create(
        organization=Organization.objects.get(slug="bench"), name=name, slug=name, **fields
    )
    agent = Agent.objects.create(crew=crew, name="Orion", slug="orion")
    for order, codes in enumerate(tasks):
        params = [{"interpreter": "bash", "code": code} for code in codes]
        own = [{"tool": "script", "params": each} for each in params]
        Task.objects.create(crew=crew, agent=agent, name=f"Task {order}", order=order, steps=own)
    return crew


def _now(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def _is_applied(control: Control) -> bool:
    return Control.objects.get(pk=control.pk).status == Control.Status.APPLIED


def _percentiles(took: list[float]) -> dict[str, float]:
    """Without the first, before which processes have work to do once."""
    return {"p50_ms": percentile(took[1:], 50), "p95_ms": percentile(took[1:], 95)}


if __name__ == "__main__":
    verbs.run(cancels, pauses, approvals, parallel, steps, page)
