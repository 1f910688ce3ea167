"""Secrets in the steps of a crew: what is refused when they are saved, and what when they run."""

from base64 import b64encode
from urllib.parse import quote

import pytest
from django.core.exceptions import ValidationError

from crews.models import Secret
from realtime.models import Event
from runs import tools
from runs.execution import credentials, run_queue
from runs.execution.executor import execute
from runs.models import Run, ToolExecution
from runs.tests.tools.traces import dump
from tests.admin import clients, url

URL = "https://github.com/acme/app"


def cloning(url: str = URL, credential: str = "deploy") -> dict:
    return {"tool": "git_clone", "params": {"url": url, "credential": credential}}


class TestSaving:
    @pytest.fixture
    def faults(self, acme):
        """Why a task with these steps is not saved."""

        def of(*steps: object) -> list[str]:
            task = acme.crew.tasks.first()
            task.steps = list(steps)
            try:
                task.full_clean()
            except ValidationError as refused:
                return refused.message_dict["steps"]
            return []

        return of

    def test_a_secret_of_the_organization_may_be_named(self, acme, faults):
        acme.keep_secret(name="deploy")
        assert faults(cloning()) == []
        assert faults({"tool": "pytest"}, cloning(f"{URL}.git")) == []

    def test_a_foreign_one_is_refused_like_a_missing_one(self, acme, globex, faults):
        message = (
            "Step 2 (git_clone): credential: The organization has no secret 'deploy'. "
            "One of its admins can add it."
        )
        assert faults({"tool": "pytest"}, cloning()) == [message]
        globex.keep_secret(name="deploy")
        assert faults({"tool": "pytest"}, cloning()) == [message]

    @pytest.mark.parametrize(
        ("host", "address", "destination"),
        [
            ("gitlab.com", URL, "github.com"),
            ("github.com", "https://github.com:8443/a/b", "github.com:8443"),
            ("github.com:8443", URL, "github.com"),
        ],
    )
    def test_one_for_another_host_is_refused(self, acme, faults, host, address, destination):
        acme.keep_secret(name="deploy", host=host)
        assert faults(cloning(address)) == [
            "Step 1 (git_clone): credential: "
            f"The secret deploy is for {host}, and is not sent to {destination}."
        ]

    def test_every_fault_is_reported_once(self, faults):
        found = faults({"tool": "nope"}, cloning(credential="no name"), cloning(), "x", {})
        assert len(found) == 5
        assert faults(*[cloning()] * 3) == [
            f"Step {number} (git_clone): credential: The organization has no secret 'deploy'. "
            "One of its admins can add it."
            for number in (1, 2, 3)
        ]

    def test_the_editor_says_which_there_are_and_refuses_others(self, acme, globex, superuser):
        acme.keep_secret(name="deploy")
        globex.keep_secret(name="theirs")
        staff = clients(acme, globex, superuser)
        path = url("crews_crew_change", acme.crew.pk)
        text = staff["admin"].get(path).content.decode()
        assert "Secrets to name as credential: <code>deploy</code> (for github.com)." in text
        assert "theirs" not in text
        assert "canary" not in text
        assert "deploy" not in staff["operator"].get(path).content.decode()

    def test_the_name_is_shown_to_those_who_watch(self, acme, api):
        acme.keep_secret(name="deploy")
        acme.give_steps(cloning())
        (crew,) = api(acme.viewer).get("/api/crews/").json()["results"]
        assert crew["tasks"][0]["steps"] == [cloning()]


def test_each_call_opens_what_it_names(acme):
    secret = acme.keep_secret(name="deploy")
    tool = tools.get("git_clone")
    params = tool.clean(cloning()["params"])
    opened = credentials.open_for(tool, params, acme.organization.pk)["credential"]
    assert (opened.username, opened.password, opened.host) == (
        "git",
        "canary-of-a-secret",
        "github.com",
    )
    secret.refresh_from_db()
    assert secret.last_used_at
    assert credentials.open_for(tool, tool.clean({"url": URL}), acme.organization.pk) == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_alive")
class TestRunning:
    @pytest.fixture
    def carry_out(self, acme):
        def run_with(*steps: dict) -> Run:
            acme.crew.tasks.last().delete()
            acme.give_steps(*steps)
            run = Run.objects.create(crew=acme.crew)
            execute(run_queue.claim(worker="w", tier="namespaces"))
            run.refresh_from_db()
            return run

        return run_with

    @pytest.mark.parametrize("form", ["as it is", "url", "base64"])
    def test_a_tool_that_prints_it_is_redacted(self, acme, carry_out, monkeypatch, form):
        """A host may repeat the secret that it receives."""
        secret = "canary-of/a&secret"
        shown = {
            "as it is": secret,
            "url": quote(secret, safe=""),
            "base64": b64encode(f"git:{secret}".encode()).decode(),
        }[form]
        acme.keep_secret(secret, name="deploy")
        half = len(shown) // 2

        def run(self, params, workspace, emitter):
            emitter.progress(output=f"remote: {shown[:half]}")
            emitter.progress(output=f"{shown[half:]} is not welcome\n", message=shown)
            return tools.Outcome(
                tools.Status.ERROR, message=f"It said {params['credential'].password}"
            )

        monkeypatch.setattr("runs.tools.git_clone.GitClone.run", run)
        run = carry_out(cloning())
        execution = ToolExecution.objects.get()
        assert execution.output.startswith("remote: ")
        assert execution.output.endswith(" is not welcome\n")
        assert "It said [redacted]" in run.message
        for part in (shown[:-4], shown[4:], secret):
            assert part not in dump()

    def test_a_secret_that_is_gone_fails_the_run_and_says_what_to_do(self, acme, carry_out):
        acme.keep_secret(name="deploy").delete()
        run = carry_out(cloning())
        assert (run.status, run.reason) == ("failed", "task_failed")
        assert run.message.endswith(
            "The organization has no secret 'deploy'. One of its admins can add it."
        )

    def test_one_that_was_moved_to_another_host_is_not_sent(self, acme, carry_out):
        acme.keep_secret(name="deploy", host="gitlab.com")
        run = carry_out(cloning())
        assert run.message.endswith("is for gitlab.com, and is not sent to github.com.")
        assert Secret.objects.get().last_used_at is None

    def test_one_that_no_key_opens_fails_the_run_and_says_what_to_do(
        self, acme, carry_out, settings
    ):
        acme.keep_secret(name="deploy")
        settings.SECRET_KEY = "another"
        run = carry_out(cloning())
        assert run.message.endswith(
            "The secret deploy cannot be decrypted: its key is not among SECRETS_KEYS. "
            "Put the key back, or enter the value anew."
        )

    def test_a_password_in_an_address_is_refused_and_shown_nowhere(self, acme, carry_out):
        step = cloning("https://bot:canary22@github.com/acme/app")
        del step["params"]["credential"]
        run = carry_out(step)
        assert "Write the address without user name, password and token" in run.message
        assert ToolExecution.objects.get().params["url"] == "https://[redacted]@github.com/acme/app"
        assert "canary22" not in str(list(Event.objects.values_list("body", flat=True)))
