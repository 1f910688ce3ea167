"""What the run page is made of: its timeline, its history and the tools' output as text."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from conftest import HELLO
from crews.models import Task
from runs.models import Control, OutputChunk, Run, TaskExecution, ToolExecution
from runs.models.control import report_paused
from runs.pages import transcript
from runs.pages.history import Entry, entries, requested
from runs.pages.run_page_data import RunPage
from runs.pages.timeline import FULL, THINNEST, Timeline, clock, room_for, tick_seconds

pytestmark = pytest.mark.django_db


def begin(run: Run, number: int = 0) -> tuple[TaskExecution, ToolExecution]:
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][number])
    return task, ToolExecution.objects.start(task_execution=task, tool="script", params={})


def complete(run: Run, number: int = 0) -> None:
    task, tool = begin(run, number)
    tool.end("success", exit_code=0)
    task.finish("succeeded")


def chart(run: Run, **kwargs) -> Timeline:
    tasks = list(run.task_executions.order_by("order"))
    tools = ToolExecution.objects.filter(task_execution__run=run).order_by("started_at")
    return Timeline(run, tasks, tools, **kwargs)


def bars(timeline: Timeline) -> dict[tuple[str, str], list[str]]:
    return {
        (lane.agent_id, kind): [bar.status for bar in lane.bars if bar.kind == kind]
        for lane in timeline.lanes
        for kind in ("task", "tool")
    }


class TestTimeline:
    def test_before_the_start_all_tasks_are_to_come_in_their_order(self, acme):
        timeline = chart(Run.objects.create(crew=acme.crew))
        assert timeline.share == 0
        assert timeline.ticks == []
        orion, vega = timeline.lanes
        assert [bar.status for bar in orion.bars + vega.bars] == ["pending", "pending"]
        assert (orion.bars[0].x, orion.bars[0].width) == (0, 50)
        assert (vega.bars[0].x, vega.bars[0].width) == (50, 50)

    def test_under_way_bars_reach_until_now_and_have_room_to_grow(self, acme):
        run = acme.start_run()
        begin(run)
        timeline = chart(run, now=run.started_at + timedelta(seconds=4))
        assert bars(timeline) == {
            ("orion", "task"): ["running"],
            ("orion", "tool"): ["running"],
            ("vega", "task"): ["pending"],
            ("vega", "tool"): [],
        }
        task = timeline.lanes[0].bars[0]
        assert task.end is None
        assert task.x + task.width == pytest.approx(4 / timeline.span_s * timeline.share, abs=0.1)
        assert timeline.lanes[0].status == "running"
        assert timeline.lanes[1].status == "idle"

    def test_a_finished_run_fills_the_whole_width(self, acme):
        run = acme.start_run()
        complete(run, 0)
        complete(run, 1)
        run.finish("succeeded")
        timeline = chart(run)
        assert timeline.share == 100
        assert timeline.span_s == pytest.approx(run.duration_s, abs=0.001)
        for lane in timeline.lanes:
            for bar in lane.bars:
                assert 0 <= bar.x <= bar.x + bar.width <= 100.001
                assert bar.width >= 0.4

    def test_what_an_ended_run_left_out_is_shown_as_such(self, acme):
        run = acme.start_run()
        task, tool = begin(run)
        tool.end("error", exit_code=2)
        task.finish("failed")
        run.finish("failed", reason="task_failed")
        assert bars(chart(run)) == {
            ("orion", "task"): ["failed"],
            ("orion", "tool"): ["error"],
            ("vega", "task"): ["skipped"],
            ("vega", "tool"): [],
        }

    def test_tools_at_once_get_a_row_each_and_rows_are_used_again(self, acme):
        run = acme.start_run()
        task, first = begin(run)
        second = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        first.end("success")
        third = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        rows = {bar.id: bar.row for bar in chart(run).lanes[0].bars if bar.kind == "tool"}
        assert rows == {str(first.pk): 0, str(second.pk): 1, str(third.pk): 0}

    def test_many_tools_at_once_share_the_last_row(self, acme):
        run = acme.start_run()
        task, _ = begin(run)
        for _ in range(9):
            ToolExecution.objects.start(task_execution=task, tool="script", params={})
        lane = chart(run).lanes[0]
        assert max(bar.row for bar in lane.bars) == 5
        assert lane.height < 200

    @pytest.mark.parametrize("elapsed", [0, 0.01, 4.9, 59, 3_600, 86_399, 86_400, 300_000])
    def test_the_axis_has_room_and_few_ticks(self, elapsed):
        span = room_for(elapsed)
        assert span > elapsed
        seconds = tick_seconds(span)
        assert seconds[0] == 0
        assert seconds[-1] <= span
        assert 2 <= len(seconds) <= 11

    def test_the_script_has_the_same_constants(self):
        script = settings.BASE_DIR / "realtime/static/realtime/pages/timeline_scale.js"
        constants = dict(re.findall(r"^const (\w+) = ([\d.]+);", script.read_text(), re.MULTILINE))
        assert float(constants["FULL"]) == FULL
        assert float(constants["THINNEST"]) == THINNEST

    def test_moments_read_like_a_clock(self):
        seconds = (0.0, 0.5, 12.0, 60.0, 150.7, 3905.0, -0.2)
        texts = ["0 s", "0.5 s", "12 s", "1:00", "2:30", "1:05:05", "\N{MINUS SIGN}0.2 s"]
        assert [clock(second) for second in seconds] == texts


class TestHistory:
    def history(self, run: Run) -> list[tuple[str, str]]:
        return [(entry.type, entry.status) for entry in RunPage(run).history]

    def test_shows_a_run_in_the_order_of_its_events(self, acme):
        run = acme.start_run()
        complete(run, 0)
        complete(run, 1)
        run.finish("succeeded")
        agent = [
            ("agent_start", ""),
            ("task_start", ""),
            ("tool_start", ""),
            ("tool_end", "success"),
            ("task_end", "succeeded"),
            ("agent_end", "succeeded"),
        ]
        assert self.history(run) == [("boot", ""), *agent, *agent, ("done", "succeeded")]

    def test_is_in_that_order_when_all_happens_in_one_moment(self, acme):
        run = acme.start_run()
        complete(run)
        moment = timezone.now()
        tasks = list(run.task_executions.all())
        tools = list(ToolExecution.objects.filter(task_execution__run=run))
        for timed in (*tasks, *tools):
            timed.started_at = timed.ended_at = moment
        run.created_at = moment
        types = [entry.type for entry in entries(run, tasks, tools)]
        assert types[:3] == ["boot", "agent_start", "task_start"]
        assert types[3:] == ["tool_start", "tool_end", "task_end", "agent_end"]

    def test_names_the_trouble(self, acme):
        run = acme.start_run()
        task, tool = begin(run)
        tool.end("completed_with_errors", exit_code=1)
        task.finish("failed", message="Some tests failed.")
        run.finish("failed", reason="task_failed", message="Orion works: Some tests failed.")
        trouble = [entry for entry in RunPage(run).history if entry.is_trouble]
        types = [entry.type for entry in trouble]
        assert types == ["tool_end", "error", "task_end", "agent_end", "done"]
        assert trouble[0].detail == "exit code 1"
        assert trouble[1].what == "Some tests failed."

    def test_a_lost_worker_is_shown_once(self, acme):
        run = acme.start_run()
        run.finish("failed", reason="worker_lost", message="The worker went away.")
        assert self.history(run) == [("boot", ""), ("error", ""), ("done", "failed")]

    @pytest.mark.parametrize(
        ("type", "status", "verb"),
        [
            ("tool_start", "", "began"),
            ("tool_end", "success", "succeeded"),
            ("tool_end", "error", "failed"),
            ("task_end", "completed_with_errors", "ended with errors"),
            ("task_end", "cancelled", "was cancelled"),
            ("llm_start", "", ""),
            ("llm_end", "success", "answered"),
            ("llm_end", "error", "failed"),
            ("agent_end", "succeeded", ""),
        ],
    )
    def test_says_what_a_task_a_tool_or_a_call_did(self, type, status, verb):
        assert Entry(type, "1", timezone.now(), "pytest", status=status).verb == verb

    def test_an_agent_is_done_after_its_last_task_only(self, acme):
        agent = acme.crew.agents.get(slug="orion")
        Task.objects.create(crew=acme.crew, agent=agent, name="More", order=5, steps=HELLO)
        run = acme.start_run()
        complete(run, 0)
        assert ("agent_end", "succeeded") not in self.history(run)
        complete(run, 2)
        assert ("agent_end", "succeeded") in self.history(run)


class TestPauses:
    def paused(self, run: Run) -> Run:
        run.started_at = timezone.now() - timedelta(seconds=60)
        run.save()
        Control.objects.ask(run, "pause", by="anna")
        assert report_paused(run, True)
        return Run.objects.get(pk=run.pk)

    def test_a_pause_that_goes_on_grows_with_the_clock(self, acme):
        (pause,) = RunPage(self.paused(acme.start_run())).timeline.pauses
        assert 59 < pause.start < 65
        assert pause.end is None

    def test_a_pause_ends_with_the_resume(self, acme):
        run = self.paused(acme.start_run())
        Control.objects.ask(run, "resume", by="anna")
        assert report_paused(run, False)
        (pause,) = RunPage(Run.objects.get(pk=run.pk)).timeline.pauses
        assert pause.start <= pause.end < pause.start + 5
        assert pause.x + pause.width <= 100

    def test_a_run_that_was_not_paused_has_none(self, acme):
        run = acme.start_run()
        Control.objects.ask(run, "pause", by="anna")  # not applied yet
        assert RunPage(run).timeline.pauses == []


class TestPage:
    def test_opens_the_tool_at_work_then_the_culprit_then_the_last(self, acme):
        run = acme.start_run()
        assert RunPage(run).shown_first is None
        complete(run, 0)
        task, tool = begin(run, 1)
        assert RunPage(run).shown_first == tool.pk
        tool.end("error")
        later = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        later.end("success")
        assert RunPage(run).shown_first == later.pk
        task.finish("failed")
        run.finish("failed", reason="task_failed")
        assert RunPage(run).shown_first == tool.pk

    def test_a_step_to_come_shows_no_parameter(self, acme):
        run = acme.start_run()
        step = RunPage(run).tasks[0].steps[0]
        assert step.execution is None
        assert step.tool == "script"


class TestTranscript:
    @pytest.mark.parametrize(
        ("output", "seen"),
        [
            ("one\r\ntwo\r\n", "one\ntwo\n"),
            ("get   0%\rget 100%\ndone", "get 100%\ndone"),
            ("get 50%\r", "get 50%"),
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
            ("\x1b(Ba\x1b7b", "ab"),
            ("a\x00b\x07c\td\x7f", "abc\td"),
            ("cut short \x1b[3", "cut short "),
        ],
    )
    def test_reads_as_a_terminal_would_leave_it(self, output, seen):
        assert transcript.plain(output) == seen

    @pytest.mark.parametrize(
        ("output", "is_whole"),
        [("one\r\n\ttwo\n", True), ("", True), ("50%\r100%", False), ("\x1b[1mbold", False)],
    )
    def test_the_page_asks_for_an_output_that_only_a_terminal_can_show(
        self, acme, output, is_whole
    ):
        task, tool = begin(acme.start_run())
        if output:
            tool.report(output=output)
        [step, *_] = RunPage(task.run, with_output=True).tasks[0].steps
        assert step.is_shown_whole is is_whole

    def test_the_ends_of_many_outputs_come_with_one_query(self, acme, django_assert_num_queries):
        run = acme.start_run()
        task, _ = begin(run)
        tools = []
        for count in range(3):
            tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
            for number in range(6):
                tool.report(output=f"{count}-{number} 🚀\n")
            tools.append(tool)
        with django_assert_num_queries(1):
            tails = transcript.tails(tools, 8)
        assert tails == {tool.pk: tool.output[-8:] for tool in tools}
        assert OutputChunk.objects.filter(execution=tools[0]).exists()

    def test_a_short_output_comes_whole(self, acme):
        _, tool = begin(acme.start_run())
        tool.report(output="all")
        assert transcript.tails([tool], 8) == {tool.pk: "all"}


def test_a_reported_run_that_started_before_its_first_report_begins_with_its_request(acme):
    run = acme.start_run()
    run.started_at = run.created_at - timedelta(seconds=2)
    entry = requested(run)
    assert (entry.type, entry.at) == ("boot", run.started_at)
