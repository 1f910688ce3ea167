"""AG-UI both ways: the client reads a run through the proxy, which reports it as another run."""

import threading
from collections.abc import Iterator

import pytest
from crewops_client import reporter as reporters
from crewops_client.agui_proxy import Proxy
from crewops_client.settings import Settings

from crews.models import Agent
from realtime.tests.agui import responses
from realtime.tests.sockets.helpers import finish
from runs.models import Run, ToolExecution
from tests.live import Web, eventually

PATIENCE_S = 90.0  # the package sends reports when it can

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(acme, worker_alive) -> Run:
    return acme.start_run()


@pytest.fixture
def proxy(web: Web, acme, run, tmp_path, monkeypatch) -> Iterator[Proxy]:
    settings = Settings(web.origin, acme.issue_key("report")[1], spool_dir=tmp_path, batch_s=0.01)
    reporter = reporters.Reporter(settings)
    monkeypatch.setattr(reporters, "_current", reporter)
    to = f"{web.origin}/agui/runs/{run.pk}"
    proxy = Proxy("127.0.0.1", 0, to, acme.crew.slug, "front")
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield proxy
    proxy.shutdown()
    proxy.server_close()
    thread.join()
    reporter.close()


def test_a_run_that_is_read_through_the_proxy_is_reported(acme, run, proxy):
    finish(run)
    url = f"http://127.0.0.1:{proxy.server_port}/"
    (result,) = responses.read(url=url, token=acme.issue_key("watch")[1])
    assert (result["error"], result["warnings"]) == (None, [])
    assert result["events"][-1]["type"] == "RUN_FINISHED"
    reported = Run.objects.unscoped().exclude(pk=run.pk)
    eventually(lambda: reported.filter(status="succeeded").exists(), PATIENCE_S)
    tools = ToolExecution.objects.unscoped().filter(task_execution__run=reported.get())
    own = ToolExecution.objects.unscoped().filter(task_execution__run=run)
    assert tools.count() == own.count() == len(run.plan["tasks"])
    assert set(tools.values_list("status", "tool")) == {("success", "script")}
    assert Agent.objects.unscoped().filter(crew=acme.crew, slug="front").exists()
