"""Programs of other people's frameworks, each in its own environment, and a person who steers."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
from integrations.check import CLIENT, HERE, environment_of
from rest_framework_simplejwt.tokens import AccessToken

from runs.models import Approval, Control, Run
from tests.live import eventually

BEGINS_S = 90.0  # a framework takes seconds to import, more on a busy machine
ENDS_S = 40.0


class Started:
    """A process with what it prints in a file. The fixtures end it, whatever its test does."""

    def __init__(self, argv: list[Any], directory: Path, **how: Any) -> None:
        self.output = directory / "output"
        with self.output.open("wb") as output:
            about = {"stdin": subprocess.DEVNULL, "start_new_session": True} | how
            self._popen = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, **about)

    def wait(self) -> int:
        """Wait for the end; the exit status."""
        try:
            return self._popen.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"No end within {ENDS_S:g} s. {self.printed}") from None

    def kill(self) -> None:
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    @property
    def printed(self) -> str:
        return self.output.read_text(errors="replace")[-4000:]


class Program(Started):
    """A program of `clients/python/integrations/steered`, and the log that it writes."""

    def __init__(self, framework: str, story: str, directory: Path, reports: dict[str, str]):
        self._directory = directory
        script = HERE / "steered" / f"{framework}_program.py"
        argv = [environment_of(framework), script, directory, story]
        own = {"PYTHONPATH": str(CLIENT), "HOME": str(directory), "CREWOPS_APPROVALS": "1"}
        super().__init__(argv, directory, cwd=directory, env=os.environ | reports | own)

    def log(self, field: str) -> list[dict[str, Any]]:
        """The lines with this field. The last one may be incomplete yet."""
        path = self._directory / "log"
        text = path.read_text() if path.exists() else ""
        lines = [json.loads(line) for line in text.split("\n")[:-1]]
        return [line for line in lines if field in line]

    def entered(self, tool: str) -> list[float]:
        """When the body of the tool was entered."""
        return [line["at"] for line in self.log("entered") if line["entered"] == tool]

    @property
    def read(self) -> str:
        """What the model has read."""
        return "\n".join(line["read"] for line in self.log("read"))

    def until_steps(self, count: int) -> Run:
        """Wait until the body of `step` was entered so often; the run."""

        def entered() -> bool:
            assert self.is_running, self.printed
            return len(self.entered("step")) >= count

        eventually(entered, BEGINS_S)
        return eventually(Run.objects.first, BEGINS_S)

    def until_asked(self) -> Approval:
        """Wait until a call waits for approval."""

        def asked() -> Approval | None:
            assert self.is_running, self.printed
            return Approval.objects.pending().select_related("run__crew").first()

        return eventually(asked, BEGINS_S)

    def stop(self) -> None:
        """Let the model take no further step."""
        (self._directory / "stop").touch()


class Person:
    """A user of the API who decides about calls and steers runs."""

    def __init__(self, origin: str, user: Any) -> None:
        headers = {"Authorization": f"Bearer {AccessToken.for_user(user)}"}
        self.name = user.get_username()
        self._client = httpx.Client(base_url=origin, headers=headers, timeout=60)

    def decide(self, approval: Approval, decision: str, note: str = "") -> None:
        body = {"decision": decision, "seen": approval.seen, "note": note}
        response = self._client.post(f"/api/approvals/{approval.pk}/", json=body)
        assert response.status_code == 200, response.text
        approval.refresh_from_db()

    def ask(self, run: Run, action: str, **text: str) -> Control:
        wanted = {"action": action, **text}
        response = self._client.post(f"/api/runs/{run.pk}/controls/", json=wanted)
        assert response.status_code == 202, response.text
        return Control.objects.get(pk=response.json()["control_id"])

    def close(self) -> None:
        self._client.close()


def answered(control: Control) -> Control:
    """The control, after the program has answered it."""
    eventually(lambda: Control.objects.get(pk=control.pk).is_over)
    control.refresh_from_db()
    return control


def ended(run: Run, within_s: float = ENDS_S) -> Run:
    """The run, after it has ended."""
    eventually(lambda: Run.objects.get(pk=run.pk).is_over, within_s)
    return Run.objects.get(pk=run.pk)
