"""The crew page: what each person sees, and that it shows nothing else."""

import json
import re
from uuid import uuid4

import pytest
from django.utils import timezone

from crews.models import Agent, Crew, Task
from realtime.tests.pages.scene import (
    FRAGMENT,
    MOST_QUERIES,
    crew_path,
    get,
    queries,
    reported,
    text,
    tool_at_work,
)
from realtime.tests.sockets.helpers import work
from runs.execution import controls
from runs.models import Run, TaskExecution, ToolExecution, Worker
from runs.models.control import report_paused

pytestmark = pytest.mark.django_db


class TestCrewPage:
    def test_shows_every_role_agents_tasks_and_steps(self, acme, superuser, worker_alive):
        for person in (acme.viewer, acme.operator, acme.admin, superuser):
            page = text(get(person, crew_path(acme)))
            assert "<h1><bdi>Acme crew</bdi>" in page
            assert page.count('class="agent-card"') == page.count("<tr data-agent=") == 2
            assert "Orion works" in page
            assert "<code>echo hello</code>" in page

    def test_of_another_organization_is_like_one_that_does_not_exist(self, acme, globex):
        foreign = get(globex.admin, crew_path(acme))
        missing = get(globex.admin, f"/crews/{uuid4()}/")
        assert foreign.status_code == missing.status_code == 404
        assert text(foreign) == text(missing)
        assert "<h1>Not found</h1>" in text(foreign)
        assert get(acme.viewer, crew_path(acme)).status_code == 200

    def test_sends_who_is_not_signed_in_to_the_sign_in_page_either_way(self, acme):
        for path in (crew_path(acme), f"/crews/{uuid4()}/"):
            assert get(None, path)["Location"] == f"/login/?next={path}"

    def test_its_updates_are_refused_to_the_same_people(self, acme, globex):
        assert get(globex.admin, crew_path(acme), headers=FRAGMENT).status_code == 404
        assert get(None, crew_path(acme), headers=FRAGMENT).status_code == 302
        assert get(acme.viewer, crew_path(acme), headers=FRAGMENT).status_code == 200

    def test_its_update_is_the_part_that_changes(self, acme):
        page = text(get(acme.viewer, crew_path(acme)))
        shape = {"X-Fragment": re.search('data-shape="(.+?)"', page)[1]}
        update = text(get(acme.viewer, crew_path(acme), headers=shape))
        assert "<html" not in update
        assert update.lstrip().startswith('<div id="worker-banner">')
        changes = update.index('id="runs-section"')
        assert update[changes:].strip() in page
        for kept in ("agent-card", "<tr data-agent", 'class="task"', "graph-shape"):
            assert kept in page
            assert kept not in update

    def test_its_update_has_the_agents_and_tasks_for_a_page_of_another_shape(self, acme):
        page = text(get(acme.viewer, crew_path(acme)))
        update = text(get(acme.viewer, crew_path(acme), headers=FRAGMENT))
        for part in ("agent-card", "<tr data-agent", 'class="task"', "graph-shape"):
            assert update.count(part) == page.count(part) > 0
        assert update.count("data-keep") == 1  # the edges, which only the script draws

    def test_of_a_reported_crew_misses_no_task_and_starts_nothing(self, acme):
        acme.crew.tasks.all().delete()
        named = {"task_id": "t1", "agent_id": "orion", "name": "Fetch"}
        reported(acme, {"type": "task_start", **named})
        page = text(get(acme.operator, crew_path(acme)))
        assert 'id="start"' not in page
        assert "No tasks yet" not in page
        assert "no task yet" not in page
        assert '<span data-slot="task" data-current>Fetch</span>' in page
        assert ">Nightly tickets</bdi></a>" in page  # the run's name
        assert "1 task ended" not in page
        assert "0 tasks ended" in page
        assert "of unknown length" in page
        assert "aria-valuenow" not in page

    def test_start_can_be_pressed_by_operators(self, acme, worker_alive):
        assert "disabled" not in text(get(acme.operator, crew_path(acme)))

    @pytest.mark.parametrize(
        ("case", "reason"),
        [
            ("viewer", "You watch this crew."),
            ("deactivated", "The crew is deactivated."),
            ("no task", "The crew has no task yet."),
            ("no worker", "No worker is running to carry it out."),
        ],
    )
    def test_start_says_why_it_cannot_be_pressed(self, acme, case, reason):
        if case != "no worker":
            Worker.objects.beat("w")
        if case == "deactivated":
            acme.crew.is_active = False
            acme.crew.save()
        if case == "no task":
            acme.crew.tasks.all().delete()
        page = text(get(acme.viewer if case == "viewer" else acme.operator, crew_path(acme)))
        assert 'disabled aria-describedby="start-refusal"' in page
        assert f'id="start-refusal">{reason}' in page

    def test_shows_the_tool_in_use_at_its_agent(self, acme, worker_alive):
        execution = tool_at_work(acme, message="Receiving objects", progress=0.43)
        page = text(get(acme.viewer, crew_path(acme)))
        assert page.count(f'data-execution="{execution.pk}" data-status="running"') == 2
        assert page.count("43 %") == 2
        assert page.count("Receiving objects") == 2
        assert page.count('data-agent="orion" data-state="working"') == 2
        assert page.count('data-agent="vega" data-state="idle"') == 2

    def test_shows_how_the_last_tool_ended(self, acme, worker_alive):
        execution = tool_at_work(acme, progress=0.5)
        execution.end("error", exit_code=1)
        execution.task_execution.finish("failed")
        page = text(get(acme.viewer, crew_path(acme)))
        assert page.count(f'data-execution="{execution.pk}" data-status="error"') == 2
        assert page.count('data-agent="orion" data-state="error"') == 2
        assert "50 %" not in page

    def test_shows_the_tools_of_two_runs_at_once(self, acme, worker_alive):
        executions = [tool_at_work(acme, progress=share) for share in (0.1, 0.2)]
        page = text(get(acme.viewer, crew_path(acme)))
        for execution in executions:
            assert page.count(f'data-execution="{execution.pk}"') == 2

    def test_shows_what_a_pause_holds_and_what_goes_on(self, acme, worker_alive):
        execution = tool_at_work(acme)
        run = execution.task_execution.run
        stopped = f'data-execution="{execution.pk}" data-status="running" data-paused'
        controls.ask(run, "pause")
        page = text(get(acme.viewer, crew_path(acme)))
        assert page.count('data-agent="orion" data-state="working"') == 2
        report_paused(run, True)
        page = text(get(acme.viewer, crew_path(acme)))
        assert page.count('data-agent="orion" data-state="paused"') == 2
        assert page.count(stopped) == 2
        assert 'data-paused="tools"' in text(get(acme.viewer, run.get_absolute_url()))
        other = tool_at_work(acme)  # of another run, which is not paused
        page = text(get(acme.viewer, crew_path(acme)))
        assert page.count('data-agent="orion" data-state="working"') == 2
        assert page.count(stopped) == 2
        assert page.count("data-paused") == 2
        other.task_execution.run.finish("cancelled")
        controls.ask(run, "resume")
        report_paused(run, False)
        page = text(get(acme.viewer, crew_path(acme)))
        assert page.count('data-agent="orion" data-state="working"') == 2
        assert "data-paused" not in page

    def test_a_tool_of_a_program_goes_on_while_its_run_is_paused(self, acme):
        task = {"task_id": "t", "agent_id": "orion"}
        begun = {"type": "tool_start", "execution_id": "x", "tool": "search", **task}
        run = reported(acme, {"type": "task_start", "name": "Look", **task}, begun)
        run.paused_at = timezone.now()
        run.save(update_fields=["paused_at"])
        page = text(get(acme.viewer, crew_path(acme)))
        assert page.count('data-agent="orion" data-state="working"') == 2
        assert "data-paused" not in page
        assert 'data-paused="tasks"' in text(get(acme.viewer, run.get_absolute_url()))
        ToolExecution.objects.get(task_execution__run=run).end("success")
        page = text(get(acme.viewer, crew_path(acme)))
        assert page.count('data-agent="orion" data-state="paused"') == 2

    def test_shows_nothing_of_another_crew(self, acme, globex, worker_alive):
        execution = tool_at_work(globex, message="Receiving objects")
        page = text(get(acme.viewer, crew_path(acme)))
        assert str(execution.pk) not in page
        assert "Receiving objects" not in page

    def test_lists_no_run_of_another_crew(self, acme, worker_alive):
        other = Crew.objects.create(organization=acme.organization, name="Other", slug="other")
        runs = [acme.start_run(), Run.objects.create(crew=other)]
        page = text(get(acme.viewer, crew_path(acme)))
        assert [f"/runs/{run.pk}/" in page for run in runs] == [True, False]

    def test_the_graph_has_an_edge_for_each_handing_over(self, acme):
        orion, vega = acme.crew.agents.all()
        for order, agent in enumerate((vega, orion, vega), start=2):
            Task.objects.create(crew=acme.crew, agent=agent, name="More", order=order)
        _, second, _, fourth, fifth = map(str, acme.crew.tasks.values_list("pk", flat=True))
        page = get(acme.viewer, crew_path(acme)).content.decode()
        shape = re.search('id="graph-shape" type="application/json">(.*?)<', page)[1]
        assert json.loads(shape) == {
            "agents": ["orion", "vega"],
            "edges": [["orion", "vega"], ["vega", "orion"]],
            "tasks": [[second, fifth], [fourth]],
        }

    @pytest.mark.parametrize(
        ("max_parallel", "after", "edges"),
        [
            (1, [], [["orion", "vega"]]),  # the order of the list
            (1, [1], [["vega", "orion"]]),
            (2, [1], [["vega", "orion"]]),
            (2, [], []),  # neither waits for the other
        ],
    )
    def test_where_tasks_name_others_the_edges_are_these(self, acme, max_parallel, after, edges):
        first, *_ = tasks = acme.crew.tasks.all()
        first.after = [str(tasks[number].pk) for number in after]
        first.save()
        acme.crew.max_parallel = max_parallel
        acme.crew.save()
        page = get(acme.viewer, crew_path(acme)).content.decode()
        shape = re.search('id="graph-shape" type="application/json">(.*?)<', page)[1]
        assert json.loads(shape)["edges"] == edges

    def test_each_agent_shows_its_task_in_hand_and_leads_to_its_tools_output(self, acme):
        run = acme.start_run()
        first, second = run.plan["tasks"]
        execution = work(run, first)
        TaskExecution.objects.start(run=run, task=second)
        Task.objects.create(crew=acme.crew, agent=acme.crew.agents.first(), name="More", order=2)
        page = get(acme.viewer, crew_path(acme)).content.decode()
        current = re.findall('data-task="([^"]+)" data-current', page)
        assert current == [first["task_id"], second["task_id"]]
        assert page.count(f'href="/runs/{run.pk}/#tool-{execution.pk}"') == 2  # graph and table

    def test_its_shape_changes_with_the_agents_and_not_with_what_they_do(self, acme, worker_alive):
        def shape() -> str:
            page = get(acme.viewer, crew_path(acme), headers=FRAGMENT).content.decode()
            return re.search('data-shape="(.+?)"', page)[1]

        before = shape()
        tool_at_work(acme, progress=0.5)
        assert shape() == before
        Agent.objects.create(crew=acme.crew, name="Lyra", slug="lyra")
        assert shape() != before

    def test_says_what_an_empty_crew_lacks(self, acme):
        acme.crew.agents.all().delete()
        page = text(get(acme.operator, crew_path(acme)))
        assert "No agents yet" in page
        assert "No tasks yet" in page
        assert "Not run yet" in page

    def test_markup_in_names_and_messages_is_text(self, acme, worker_alive):
        attack = "<script>alert(1)</script>"
        for record in (Agent.objects.get(slug="orion"), *Task.objects.all()):
            record.name = record.role = attack
            record.steps = [{"tool": attack, "params": {attack: attack}}]
            record.save()
        tool_at_work(acme, message=attack)
        for path in ("/", crew_path(acme)):
            page = get(acme.viewer, path).content.decode()
            assert "&lt;script&gt;alert(1)" in page
            assert "<script>alert" not in page

    def test_shows_no_secret_of_a_step(self, acme):
        url = "https://robot:hunter2hunter2@example.com/repository"
        acme.give_steps({"tool": "git_clone", "params": {"url": url}})
        page = text(get(acme.admin, crew_path(acme)))
        assert "example.com/repository" in page
        assert "hunter2" not in page

    def test_asks_the_same_number_of_questions_for_many_agents_and_runs(self, acme, worker_alive):
        tool_at_work(acme)
        few = queries(acme.viewer, crew_path(acme))
        for number in range(9):
            agent = Agent.objects.create(crew=acme.crew, name="X", slug=f"x-{number}")
            Task.objects.create(crew=acme.crew, agent=agent, name="More", order=number)
            tool_at_work(acme)
        assert queries(acme.viewer, crew_path(acme), at_most=MOST_QUERIES) == few
