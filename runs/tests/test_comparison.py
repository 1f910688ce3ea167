"""Two runs of a crew side by side: what is aligned, where they differ first, what is flaky."""

import re
from difflib import SequenceMatcher
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Tenant
from realtime.tests.pages.scene import get, queries
from realtime.tests.replay import stories
from runs.models import Run, TaskExecution, ToolExecution
from runs.pages import output_diff, sequence_alignment, trend
from runs.pages.compared_steps import ComparedStep, ComparedTask, aligned, first_divergence
from runs.pages.comparison import Comparison
from runs.pages.sequence_alignment import paired

pytestmark = pytest.mark.django_db


def carry_out(
    tenant: Tenant,
    *,
    tools: tuple[str, ...] = ("git_clone", "script"),
    fails: str = "",
    code: str = "x",
    output: str = "same\n",
    ends: bool = True,
) -> Run:
    run = tenant.start_run()
    for planned in run.plan["tasks"][:2]:
        task = TaskExecution.objects.start(run=run, task=planned)
        for tool in tools:
            params = {"code": code}
            call = ToolExecution.objects.start(task_execution=task, tool=tool, params=params)
            call.report(output=output)
            call.end("error" if tool == fails else "success", exit_code=int(tool == fails))
        if fails:
            task.finish("failed")
            break
        task.finish("succeeded")
    if ends:
        run.finish("failed" if fails else "succeeded", reason="task_failed" if fails else "")
    return Run.objects.unscoped().get(pk=run.pk)


def page_of(user, run: Run, query: str = "") -> str:
    answer = get(user, f"/runs/{run.pk}/compare/{query}")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_the_budget_of_both_runs_is_shown(acme):
    before, after = carry_out(acme), carry_out(acme, tools=("script",) * 3)
    assert "Budget:" not in page_of(acme.viewer, after)
    acme.crew.budget_run_tool_calls = 5
    acme.crew.save()
    page = page_of(acme.viewer, after)
    row = re.sub(r"<[^>]*>", " ", page[page.index("Budget: Tool calls") :].split("</tr>")[0])
    assert "4 of 5 80 % or more 6 of 5 more than the limit" in " ".join(row.split())
    assert before.crew_id == after.crew_id


class TestDivergence:
    def test_equal_runs_have_none(self, acme):
        comparison = Comparison(carry_out(acme), carry_out(acme))
        assert comparison.divergence is None
        assert [len(pair.steps) for pair in comparison.pairs] == [2, 2]

    def test_is_the_first_step_with_another_outcome(self, acme):
        comparison = Comparison(carry_out(acme), carry_out(acme, fails="script"))
        found = comparison.divergence
        assert found.what == "Same inputs, other outcome"
        assert (found.step.number, found.step.either.name) == (2, "script")
        assert found.step.after.exit_code == 1
        # The second task of the run that failed has not begun.
        assert comparison.pairs[1].difference == "Only in the first run"

    def test_inputs_come_before_outcomes(self, acme):
        comparison = Comparison(carry_out(acme), carry_out(acme, code="y", fails="script"))
        assert comparison.divergence.what == "Other inputs"
        assert comparison.divergence.step.number == 1
        assert comparison.shown.params == [("code", "x", "y")]

    def test_a_step_more_moves_those_after_it(self, acme):
        more = carry_out(acme, tools=("git_clone", "pytest", "script"))
        comparison = Comparison(carry_out(acme), more)
        found = comparison.divergence
        assert (found.step.either.name, found.what) == ("pytest", "Only in the second run")
        last = comparison.pairs[0].steps[-1]
        assert (last.before.name, last.after.name, last.difference) == ("script", "script", "")

    def test_outputs_that_a_terminal_shows_alike_do_not_differ(self, acme):
        bar = "".join(f"\x1b[A\x1b[2K\r{n} %\n" for n in range(0, 101, 10))
        before = carry_out(acme, output=f"begin\n\n{bar}")
        after = carry_out(acme, output="begin\n\x1b[1;32m100\x1b[m %\n", fails="git_clone")
        assert Comparison(before, after).shown.output.is_empty

    def test_what_a_live_run_has_not_done_yet_is_no_difference(self, acme):
        whole, live = carry_out(acme), acme.start_run()
        task = TaskExecution.objects.start(run=live, task=live.plan["tasks"][0])
        tool = {"tool": "git_clone", "params": {"code": "x"}}
        ToolExecution.objects.start(task_execution=task, **tool)
        pairs = Comparison(whole, Run.objects.unscoped().get(pk=live.pk)).pairs
        assert [step.difference for step in pairs[0].steps] == ["", ""]
        assert pairs[0].difference == ""
        assert "still goes on" in page_of(acme.viewer, live)

    def test_tasks_of_reported_runs_are_aligned_by_agent_and_name(self, acme):
        runs = []
        for seed in (1, 1, 2):
            run, steps = stories.of_program(acme, seed + 10 * len(runs))
            for _ in steps:
                pass
            runs.append(Run.objects.unscoped().get(pk=run.pk))
        comparison = Comparison(*runs[:2])
        # Then the model calls outside tasks, by agent.
        agents = ["planner", "writer", "critic"] * 2
        assert [pair.either.agent_id for pair in comparison.pairs] == agents
        assert all(pair.before and pair.after for pair in comparison.pairs)
        kinds = {step.either.kind for pair in comparison.pairs for step in pair.steps}
        assert kinds == {"tool", "call"}
        names = [figure.name for figure in comparison.figures]
        assert names[-4:] == ["Model calls", "Tokens in", "Tokens out", "Cost"]

    def test_tasks_in_another_order_are_the_same_tasks(self):
        one, two = (ComparedTask(key, key, "a", "succeeded") for key in "xy")
        pairs = aligned([one, two], [two, one])
        assert len(pairs) == 2
        assert first_divergence(pairs) is None

    def test_a_step_that_still_runs_does_not_differ(self):
        def side(status: str) -> list[ComparedTask]:
            step = ComparedStep("1", "tool", "script", status, None, None)
            return [ComparedTask(1, "T", "a", "running", steps=[step])]

        assert first_divergence(aligned(side("success"), side("running"))) is None


class TestAlignment:
    """Names that come again and again: with `difflib` alone, the time grows with their cube."""

    @given(st.lists(st.sampled_from("ab"), max_size=400), st.lists(st.sampled_from("ab")))
    @settings(max_examples=50, deadline=None)
    def test_each_entry_comes_once_in_order_and_pairs_are_equal(self, before, after):
        pairs = list(paired(before, after))
        assert [i for i, _ in pairs if i is not None] == [*range(len(before))]
        assert [j for _, j in pairs if j is not None] == [*range(len(after))]
        assert all(before[i] == after[j] for i, j in pairs if None not in (i, j))

    def test_what_is_added_and_left_out_in_a_long_sequence_is_found(self):
        before = [f"{number % 7}" for number in range(2_000)]
        after = [*before[:100], *["new"] * 40, *before[100:500], *before[520:]]
        pairs = list(paired(before, after))
        assert sum(None not in pair for pair in pairs) == 1_980
        assert [after[j] for i, j in pairs if i is None] == ["new"] * 40

    def test_difflib_gets_few_entries_and_few_times(self, monkeypatch):
        sizes = []

        def matcher(junk: None, before: list, after: list, **options: Any) -> SequenceMatcher:
            sizes.append(max(len(before), len(after)))
            return SequenceMatcher(junk, before, after, **options)

        monkeypatch.setattr(sequence_alignment, "SequenceMatcher", matcher)
        list(paired(["Bash", "Read"] * 1_000, ["Bash"] * 2_000))
        assert max(sizes) <= sequence_alignment.AT_ONCE
        assert len(sizes) <= 2 * 2_000 / sequence_alignment.AT_ONCE + 1


class TestOutput:
    def test_shows_the_lines_that_differ(self):
        found = output_diff.diff("a\nb\nc\n", "a\nB\nc\n")
        shown = [(line.kind, line.text) for line in found.lines[1:]]
        assert shown == [("same", "a"), ("gone", "b"), ("new", "B"), ("same", "c")]
        assert not found.is_cut
        assert output_diff.diff("a\n", "a\n").is_empty

    def test_says_where_in_a_long_output(self):
        same = "".join(f"line {number}\n" for number in range(10_000))
        found = output_diff.diff(f"{same}old\n{same}", f"{same}new\n{same}")
        assert found.lines[0] == output_diff.Line("place", "From line 9998")
        assert [line.text for line in found.lines if line.kind != "same"][1:] == ["old", "new"]
        assert not found.is_cut

    @pytest.mark.parametrize("line", ["x", "x{n}", "{m}", "x" * 5_000])
    def test_limits_what_large_outputs_cost(self, line):
        def text(step: int) -> str:
            return "\n".join(line.format(n=n * step, m=n % 7 + step) for n in range(5_000))

        found = output_diff.diff(f"begin\n{text(2)}\nend", f"Begin\n{text(3)}\nEnd")
        most = output_diff.LINES_AT_MOST
        assert found.is_cut
        assert len(found.lines) <= 2 * most + most // 2
        assert all(len(shown.text) <= output_diff.LINE_CHARS for shown in found.lines)

    def test_the_page_shows_it_for_any_step(self, acme):
        carry_out(acme)
        run = carry_out(acme, output="other\n")
        page = page_of(acme.viewer, run)
        assert 'id="divergence" data-same' in page
        assert "step-shown" not in page.replace("#step-shown", "")
        call = ToolExecution.objects.unscoped().filter(task_execution__run=run).first()
        page = page_of(acme.viewer, run, f"?step={call.pk}")
        assert '<span data-line="gone">same' in page
        assert '<span data-line="new">other' in page

    def test_is_escaped(self, acme):
        carry_out(acme, output="<script>1</script>\n")
        run = carry_out(acme, output="<script>2</script>\n", fails="script", code="<b>")
        assert "<script>2" not in page_of(acme.viewer, run)


class TestPage:
    def test_compares_with_the_run_before_or_the_one_that_is_named(self, acme):
        first, second, third = (carry_out(acme) for _ in range(3))
        order = re.compile(r'compare-mark">[AB]</span> <a href="/runs/([\w-]+)/"')
        assert order.findall(page_of(acme.viewer, third)) == [str(second.pk), str(third.pk)]
        named = page_of(acme.viewer, third, f"?with={first.pk}")
        assert order.findall(named) == [str(first.pk), str(third.pk)]
        # The earlier one stands first.
        named = page_of(acme.viewer, first, f"?with={third.pk}")
        assert order.findall(named) == [str(first.pk), str(third.pk)]

    def test_the_link_to_the_difference_finds_its_task(self, acme):
        for ends in (("succeeded", "succeeded"), ("succeeded", "failed")):
            run = acme.start_run()
            run.plan["tasks"] = [
                {"task_id": str(uuid4()), "name": name, "agent_id": "orion"}
                for name in ("测试", "ビルド")
            ]
            for planned, end in zip(run.plan["tasks"], ends, strict=True):
                TaskExecution.objects.start(run=run, task=planned).finish(end)
            run.finish("succeeded")
        page = page_of(acme.viewer, run)
        tasks = re.findall(r'id="(pair-[^"]*)" (data-differs)?', page)
        assert [differs for _, differs in tasks] == ["", "data-differs"]
        assert len({name for name, _ in tasks}) == 2
        assert re.findall(r'href="#(pair-[^"]*)"', page) == [tasks[1][0]]

    def test_the_choice_of_runs_says_that_its_times_are_utc(self, acme):
        first, second = carry_out(acme), carry_out(acme)
        page = page_of(acme.viewer, second)
        assert f"{first.created_at:%H:%M} UTC, succeeded</option>" in page

    def test_says_that_there_is_no_earlier_run(self, acme):
        page = page_of(acme.viewer, carry_out(acme))
        assert "No earlier run" in page

    @pytest.mark.parametrize("name", ["itself", "foreign", "of another crew", "nothing", "deleted"])
    def test_another_run_of_the_crew_only(self, acme, globex, name):
        run = carry_out(acme)
        other = acme.crew.__class__.objects.create(
            organization=acme.organization, name="Other", slug="other"
        )
        gone = carry_out(acme)
        gone.delete()
        ids = {
            "itself": run.pk,
            "foreign": carry_out(globex).pk,
            "of another crew": Run.objects.create(crew=other).pk,
            "nothing": "nothing",
            "deleted": gone.pk,
        }
        answer = get(acme.viewer, f"/runs/{run.pk}/compare/?with={ids[name]}")
        assert answer.status_code == 404

    def test_is_for_members(self, acme, globex):
        run = carry_out(acme)
        run.share(True)
        assert get(globex.admin, f"/runs/{run.pk}/compare/").status_code == 404
        assert Client().get(f"/runs/{run.pk}/compare/").status_code == 302

    def test_asks_as_often_for_long_runs_as_for_short_ones(self, acme):
        carry_out(acme)
        short = carry_out(acme, fails="script")
        path = f"/runs/{short.pk}/compare/"
        few = queries(acme.viewer, path)
        carry_out(acme, tools=("script",) * 30)
        long = carry_out(acme, tools=("script",) * 30 + ("pytest",), fails="pytest")
        assert queries(acme.viewer, f"/runs/{long.pk}/compare/") <= few


class TestTrend:
    def test_shows_the_newest_fifty(self, acme, monkeypatch):
        monkeypatch.setattr("runs.pages.compare_views.RUNS_AT_MOST", 3)
        assert trend.RUNS_AT_MOST == 50
        runs = [carry_out(acme) for _ in range(4)]
        page = page_of(acme.viewer, runs[-1])
        assert "The last 3 runs" in page
        assert page.count('class="trend-bar"') == 3

    def test_heights_and_marks(self, acme):
        runs = [carry_out(acme), carry_out(acme)]
        shown = trend.Trend(runs[::-1], {runs[1].pk: "B"})
        assert [column.mark for column in shown.columns] == ["", "B"]
        assert max(column.height for column in shown.columns) == trend.HEIGHT
        assert all(column.cost_height is None for column in shown.columns)

    def test_flaky_steps_had_the_same_inputs_and_other_outcomes(self, acme):
        runs = [carry_out(acme), carry_out(acme, fails="script"), carry_out(acme)]
        (found,) = trend.flaky_steps(runs[::-1])
        assert (found.tool, found.failed) == ("script", 1)
        assert found.last_failed == runs[1].pk
        assert "with the same inputs" in page_of(acme.viewer, runs[-1])

    def test_other_inputs_and_cancelled_runs_are_not_flaky(self, acme):
        runs = [carry_out(acme), carry_out(acme, fails="script", code="y")]
        cut = acme.start_run()
        task = TaskExecution.objects.start(run=cut, task=cut.plan["tasks"][0])
        ToolExecution.objects.start(task_execution=task, tool="script", params={"code": "x"})
        cut.finish("cancelled", reason="cancelled")
        assert trend.flaky_steps([cut, *runs[::-1]]) == []

    def test_looks_at_a_limited_number_of_tasks(self, acme, monkeypatch):
        runs = [carry_out(acme, fails="script"), carry_out(acme), carry_out(acme)]
        assert trend.flaky_steps(runs[::-1])
        monkeypatch.setattr(trend, "TASKS_READ", 4)
        assert trend.flaky_steps(runs[::-1]) == []
