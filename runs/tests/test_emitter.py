"""From a tool's reports to the saved execution."""

import logging
from pathlib import Path

import pytest

from crews.tracking import InvalidState
from runs import tools
from runs.execution import emitter as emitter_module
from runs.execution.emitter import EVENTS_PER_SECOND, OUTPUT_BYTES, ToolEventEmitter
from runs.models import TaskExecution, ToolExecution
from runs.tools import Outcome, Status

DONE = Outcome(Status.SUCCESS, 0, "Done.")


class Clock:
    """Time that passes only by sleeping."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(emitter_module, "time", clock)
    return clock


@pytest.fixture
def reports(monkeypatch) -> list[dict]:
    """What is reported to the execution, in order."""
    reports: list[dict] = []
    report = ToolExecution.report

    def keep(self, **kwargs):
        reports.append(kwargs)
        report(self, **kwargs)

    monkeypatch.setattr(ToolExecution, "report", keep)
    return reports


@pytest.fixture
def task_execution(acme) -> TaskExecution:
    run = acme.start_run()
    return TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])


def started(task_execution: TaskExecution, **params) -> tuple[ToolEventEmitter, ToolExecution]:
    emitter = ToolEventEmitter(task_execution, cancelled=lambda: False)
    return emitter, emitter.start("script", params)


def test_start_progress_end(task_execution, caplog):
    caplog.set_level(logging.DEBUG, "runs.execution.emitter")
    emitter, execution = started(task_execution, code="ls")
    assert (execution.tool, execution.params, execution.status) == (
        "script",
        {"code": "ls"},
        "running",
    )
    emitter.progress(message="Half", progress=0.5, output="one\n")
    execution.refresh_from_db()
    assert (execution.message, execution.progress, execution.output) == ("Half", 0.5, "one\n")
    emitter.end(Outcome(Status.ERROR, 2, "Failed."))
    execution.refresh_from_db()
    assert (execution.status, execution.exit_code, execution.message) == ("error", 2, "Failed.")
    assert [record.message.split()[0] for record in caplog.records] == [
        "tool_start",
        "tool_progress",
        "tool_end",
    ]
    assert all(str(execution.pk) in record.message for record in caplog.records)


def test_reports_close_together_are_merged(task_execution, clock, reports):
    emitter, execution = started(task_execution)
    for number in range(1000):
        emitter.progress(message=f"{number}", progress=number / 1000, output=f"{number}\n")
        clock.sleep(0.001)
    emitter.end(DONE)
    assert len(reports) <= EVENTS_PER_SECOND + 2
    assert [report["message"] for report in reports] == sorted(
        (report["message"] for report in reports), key=int
    )
    assert execution.output == "".join(f"{number}\n" for number in range(1000))


def test_what_had_to_wait_is_reported_by_polling(task_execution, clock, reports):
    emitter, _ = started(task_execution)
    emitter.progress(output="one\n")
    emitter.progress(output="two\n")
    assert [report["output"] for report in reports] == ["one\n"]
    clock.sleep(0.1)
    emitter.cancelled()
    assert [report["output"] for report in reports] == ["one\n", "two\n"]


@pytest.mark.parametrize("text", ["x", "\x01", "\u20ac", "\U0001f600", "\n"])
def test_much_output_at_once_is_cut_into_events_and_stays_whole(
    task_execution, clock, reports, text
):
    emitter, execution = started(task_execution)
    emitter.progress(output=text * 200_000)
    emitter.end(DONE)
    assert execution.output == text * 200_000
    assert all(len(report["output"].encode()) <= OUTPUT_BYTES for report in reports)
    assert (len(reports) - 1) / EVENTS_PER_SECOND == pytest.approx(clock.now - 1000)


def test_nothing_to_report_writes_nothing(task_execution, clock, reports):
    emitter, _ = started(task_execution)
    emitter.progress()
    emitter.cancelled()
    emitter.end(DONE)
    assert reports == []


def test_everything_is_redacted(task_execution, caplog):
    caplog.set_level(logging.DEBUG)
    emitter, execution = started(task_execution, url="https://u:canary-word@host/x", n=1)
    emitter.progress(message="login canary-word", output="said can")
    emitter.progress(output="ary-word\npassword=canary\n")
    emitter.end(Outcome(Status.ERROR, 1, "https://u:canary-word@host failed"))
    execution.refresh_from_db()
    assert execution.params == {"url": "https://[redacted]@host/x", "n": 1}
    assert execution.output == "said [redacted]\npassword=[redacted]\n"
    assert execution.message == "https://[redacted]@host failed"
    assert "canary" not in caplog.text


def test_secrets_given_are_redacted(task_execution):
    emitter = ToolEventEmitter(task_execution, cancelled=lambda: False, secrets=["canary-word"])
    execution = emitter.start("script", {"code": "echo canary-word"})
    emitter.progress(output="canary-word\n")
    emitter.end(DONE)
    assert execution.params == {"code": "echo [redacted]"}
    assert execution.output == "[redacted]\n"


def test_cancelled_is_passed_on(task_execution):
    answers = iter([False, True])
    emitter = ToolEventEmitter(task_execution, cancelled=lambda: next(answers))
    emitter.start("script", {})
    assert [emitter.cancelled(), emitter.cancelled()] == [False, True]


def test_an_execution_that_somebody_else_ended_takes_no_report(task_execution):
    emitter, execution = started(task_execution)
    execution.end("error", message="worker lost")
    with pytest.raises(InvalidState):
        emitter.progress(output="too late\n")
    assert execution.output == ""


def test_a_real_tool(task_execution, tmp_path: Path):
    emitter, execution = started(task_execution)
    script = tools.get("script")
    params = {"interpreter": "bash", "code": "echo one; echo token=canary; exit 3"}
    outcome = script.run(script.clean(params), tmp_path, emitter)
    emitter.end(outcome)
    execution.refresh_from_db()
    assert execution.output == "one\ntoken=[redacted]\n"
    assert (execution.status, execution.exit_code) == ("error", 3)
