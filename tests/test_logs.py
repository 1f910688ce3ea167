"""What the processes of the deployment log: objects, a line each, with ids and without secrets."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.conf import settings
from django.db import models
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken
from structlog.contextvars import bound_contextvars

from conftest import Tenant
from crewops.logs import LineFormatter, json_formatter
from realtime.tests.sockets.test_server_faults import log_out_of_reach
from runs.models import Run, Worker
from tests import plain_http
from tests.live import PROJECT, Process, SinceNow, Web, environment, eventually

pytestmark = pytest.mark.django_db(transaction=True)

JSON = {"LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG"}
# Celery says this from a signal handler, where nothing may be logged.
FAREWELL = "\nworker: Warm shutdown (MainProcess)\n"
ALWAYS = {"timestamp", "level", "logger", "message", "process", "pid"}


def lines(process: Process) -> list[dict[str, Any]]:
    """What the process has logged; every line is an object with all that a line has."""
    text = process.log.read_text().replace(FAREWELL, "")
    logged = [json.loads(line) for line in text.splitlines()]
    assert all(set(line) >= ALWAYS for line in logged)
    return logged


def found(process: Process, **fields: Any) -> list[dict[str, Any]]:
    """The lines with these fields, once there is one."""
    return eventually(
        lambda: [
            line for line in lines(process) if all(line.get(k) == v for k, v in fields.items())
        ]
    )


@pytest.fixture(scope="module")
def shared(django_db_setup) -> Iterator[Web]:
    web = Web(**JSON)
    yield web
    assert web.running, web.log.read_text()
    web.stop()


@pytest.fixture
def site(shared, transactional_db) -> SinceNow:
    return SinceNow(shared)


@pytest.fixture
def run(acme) -> Run:
    return acme.start_run()


def of_run(run: Run, tenant: Tenant) -> dict[str, Any]:
    return {
        "run_id": str(run.pk),
        "crew_id": str(tenant.crew.pk),
        "organization_id": str(tenant.organization.pk),
    }


class TestRequests:
    @pytest.fixture
    def headers(self, acme) -> dict[str, str]:
        token = str(AccessToken.for_user(acme.viewer))
        return {"Authorization": f"Bearer {token}", "X-Request-ID": "from-the-proxy-1"}

    def test_a_request_is_logged_with_everybodys_ids(self, site, acme, run, headers):
        response = plain_http.get(f"{site.origin}/api/runs/{run.pk}/?since=1", headers=headers)
        assert response.headers["X-Request-ID"] == "from-the-proxy-1"
        (line,) = found(site, logger="crewops.requests", level="info")
        assert line.items() >= of_run(run, acme).items()
        assert line["user_id"] == acme.viewer.pk
        assert line["request_id"] == "from-the-proxy-1"
        assert line["path"] == f"/api/runs/{run.pk}/"
        assert line["message"] == f"GET /api/runs/{run.pk}/ 200"

    def test_the_pages_of_a_session_too(self, site, acme, run):
        browser = Client()
        browser.force_login(acme.operator)
        cookies = {settings.SESSION_COOKIE_NAME: browser.session.session_key}
        for path in (f"/runs/{run.pk}/", f"/crews/{acme.crew.pk}/"):
            assert plain_http.get(f"{site.origin}{path}", cookies=cookies).status_code == 200
            (line,) = found(site, path=path)
            assert line["user_id"] == acme.operator.pk
            assert line["organization_id"] == str(acme.organization.pk)
        assert browser.session.session_key not in site.log.read_text()

    def test_a_refused_page_has_no_traceback(self, site, acme):
        browser = Client()
        browser.force_login(acme.viewer)
        cookies = {settings.SESSION_COOKIE_NAME: browser.session.session_key}
        assert plain_http.get(f"{site.origin}/monitoring/", cookies=cookies).status_code == 403
        (line,) = found(site, level="warning", logger="django.request")
        assert line["message"] == "Forbidden (Permission denied): /monitoring/"
        assert "exception" not in line

    @pytest.mark.parametrize("given", [None, "short", "a" * 65, 'quote"quote', "line\tline"])
    def test_an_id_that_is_none_is_replaced(self, site, given):
        response = plain_http.get(
            f"{site.origin}/login/", headers={"X-Request-ID": given} if given else {}
        )
        made = response.headers["X-Request-ID"]
        assert len(made) == 32
        assert found(site, request_id=made, path="/login/")

    def test_one_request_does_not_pass_its_ids_on_to_the_next(self, site, run, headers):
        with plain_http.Client() as client:  # over one connection
            client.get(f"{site.origin}/api/runs/{run.pk}/", headers=headers)
            client.get(f"{site.origin}/login/")
        (line,) = found(site, path="/login/")
        assert line.keys().isdisjoint({"user_id", "run_id", "crew_id", "organization_id"})

    def test_a_body_that_is_too_large_is_logged_and_answered_with_an_id(self, site):
        response = plain_http.post(f"{site.origin}/api/token/", content=b"x" * (2 * 1024 * 1024))
        assert response.status_code == 413
        assert found(site, request_id=response.headers["X-Request-ID"], status=413)

    def test_a_path_cannot_make_a_line_of_its_own(self, site):
        plain_http.get(f"{site.origin}/no%0Ahere")
        assert found(site, path="/no%0Ahere")


class TestSockets:
    def test_a_socket_is_logged_with_everybodys_ids_when_it_closes(self, site, acme, run):
        with site.socket(
            f"/ws/runs/{run.pk}", acme.viewer, additional_headers={"X-Request-ID": "socket-1"}
        ) as socket:
            socket.until(type="boot")
        (line,) = found(site, logger="realtime.sockets.socket", code=1000)
        assert line.items() >= of_run(run, acme).items()
        assert (line["user_id"], line["request_id"]) == (acme.viewer.pk, "socket-1")
        assert line["message"] == "Run socket closed 1000"

    def test_a_refusal_is_logged_with_what_is_known(self, site, acme):
        path = f"/ws/graph/{uuid4()}"
        with site.socket(path, acme.viewer) as socket:
            assert socket.close_code() == 4404
        (line,) = found(site, code=4404)
        assert (line["user_id"], line["path"]) == (acme.viewer.pk, path)
        assert "organization_id" not in line

    def test_a_traceback_is_part_of_its_line(self, site, acme, run):
        with log_out_of_reach(), site.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
            socket.rest()
            assert socket.code == 4500
        (line,) = found(site, level="error", run_id=str(run.pk))
        assert line["exception"].startswith("Traceback (most recent call last)")
        assert line["user_id"] == acme.viewer.pk

    def test_what_the_process_does_for_all_sockets_has_no_ones_ids(self, site, acme, run):
        with site.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
            socket.until(type="boot")
            with log_out_of_reach():
                swept = found(site, logger="realtime.delivery.hub")
        assert swept[0]["message"].startswith("The log could not be swept")
        assert swept[0].keys().isdisjoint({"user_id", "run_id", "request_id"})


@pytest.mark.parametrize("daphne", [False, True], ids=["uvicorn", "daphne"])
def test_no_line_holds_a_token_a_cookie_or_a_password(acme, run, daphne):
    """Not even while everything is logged, and not where the client puts them where none
    belongs.
    """
    web = Web(daphne=daphne, **JSON)
    token = str(AccessToken.for_user(acme.viewer))
    browser = Client()
    browser.force_login(acme.viewer)
    session = browser.session.session_key
    wrong = "not-the-passw0rd"
    try:
        api, path = f"{web.origin}/api/runs/", f"/ws/runs/{run.pk}"
        plain_http.get(api, headers={"Authorization": f"Bearer {token}"})
        plain_http.get(api, headers={"Authorization": f"Bearer {token}x"})
        plain_http.get(f"{api}?token={token}")
        plain_http.get(f"{web.origin}/runs/", cookies={settings.SESSION_COOKIE_NAME: session})
        plain_http.post(f"{web.origin}/api/token/", json={"username": "root", "password": wrong})
        plain_http.post(f"{web.origin}/login/", data={"username": "root", "password": wrong})
        for options in (
            {"token": token},
            {"additional_headers": {"Authorization": f"Bearer {token}"}},
            {"additional_headers": {"Cookie": f"sessionid={session}"}, "origin": web.origin},
        ):
            with web.socket(f"{path}?token={token}", **options) as socket:
                socket.until(type="boot")
        with web.socket(f"{path}?token={token}", token=f"{token}x") as socket:
            assert socket.close_code() == 4401
        with log_out_of_reach(), web.socket(f"{path}?token={token}", token=token) as socket:
            socket.rest()
        eventually(lambda: "Traceback" in web.log.read_text())
    finally:
        web.stop()
    text = web.log.read_text()
    logged = lines(web)
    assert {line["user_id"] for line in logged if "user_id" in line} == {acme.viewer.pk}
    assert [line for line in logged if line.get("code") == 4401]
    for secret in (token, token.rpartition(".")[2], session, wrong, "token="):
        assert secret not in text


class TestWork:
    def test_the_worker_knows_the_run_and_the_request_that_asked_for_it(self, site, acme):
        current_app.control.purge()  # a message that a test has left would start this run
        worker = Process("-m", "celery", "--quiet", "-A", "crewops", "worker", **JSON)
        try:
            eventually(Worker.objects.alive().exists, within_s=30)
            asked = plain_http.post(
                f"{site.origin}/api/crews/{acme.crew.pk}/runs/",
                headers={
                    "Authorization": f"Bearer {AccessToken.for_user(acme.operator)}",
                    "X-Request-ID": "please-run-it",
                },
            )
            run = Run.objects.get(pk=asked.json()["id"])
            eventually(
                lambda: Run.objects.filter(pk=run.pk, status="succeeded").exists(), within_s=30
            )
        finally:
            worker.stop()
        said = [line for line in lines(worker) if line["logger"] == "runs.execution.worker"]
        assert [line["message"] for line in said] == [
            f"Run {run.pk} started, attempt 1",
            f"Run {run.pk} is done: succeeded",
        ]
        for line in said:
            assert line.items() >= of_run(run, acme).items()
            assert (line["user_id"], line["request_id"]) == (acme.operator.pk, "please-run-it")
        assert [line for line in lines(worker) if line["logger"].startswith("celery")]

    def test_the_scheduler_knows_the_run_it_ends(self, acme, run):
        models.QuerySet.update(Run.objects.filter(pk=run.pk), lease_until=timezone.now())
        scheduler = Process("manage.py", "reap_runs", "--loop", **JSON)
        try:
            (line,) = found(scheduler, level="warning", logger="runs.execution.reaper")
        finally:
            scheduler.stop()
        assert line.items() >= of_run(run, acme).items()
        assert "request_id" not in line


class TestForm:
    """The formatters alone."""

    @pytest.mark.parametrize("formatter", [LineFormatter(), json_formatter()])
    def test_a_secret_in_a_message_is_redacted(self, formatter):
        token = str(AccessToken())
        record = logging.makeLogRecord({"msg": "Sent %s", "args": (f"Bearer {token}",)})
        assert token in logging.Formatter().format(record)  # what it would be without us
        assert "[redacted]" in formatter.format(record)
        assert token not in formatter.format(record)

    @pytest.mark.parametrize("formatter", [LineFormatter(), json_formatter()])
    def test_a_secret_in_a_traceback_is_redacted_and_variables_are_not_shown(self, formatter):
        local = "a-value-of-a-variable"
        try:
            raise ValueError("redis://:hunter22@redis.internal")
        except ValueError:
            record = logging.makeLogRecord({"msg": "Failed", "exc_info": sys.exc_info()})
        text = formatter.format(record)
        assert "redis.internal" in text
        assert "hunter22" not in text
        assert local not in text.replace(f'local = "{local}"', "")

    def test_a_line_for_people_carries_no_ids(self):
        with bound_contextvars(user_id=7):
            text = LineFormatter().format(logging.makeLogRecord({"msg": "Hello", "name": "a.b"}))
        assert text.endswith("a.b: Hello")

    def test_what_nobody_catches_is_a_line_too(self, tmp_path):
        code = "import django; django.setup(); import warnings; warnings.warn('careful'); 1 / 0"
        ended = subprocess.run(
            [sys.executable, "-W", "always", "-c", code],
            cwd=PROJECT, env=environment(**JSON), capture_output=True, text=True,
        )  # fmt: skip
        assert ended.returncode == 1
        said = [json.loads(line) for line in ended.stderr.splitlines()]
        (warned,) = (line for line in said if line["logger"] == "py.warnings")
        assert "careful" in warned["message"]
        assert said[-1]["level"] == "critical"
        assert "ZeroDivisionError" in said[-1]["exception"]
