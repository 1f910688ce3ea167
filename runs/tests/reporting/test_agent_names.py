"""The names of agents that reports create: as people may write them in files and forms."""

import pytest

from crews.models import Crew
from runs.crew_files.checking import load
from runs.crew_files.writing import describe, text_of
from runs.reporting.agents import slug_of


@pytest.mark.parametrize(
    ("agent", "stored"),
    [
        ({"agent_id": "planner", "name": "  "}, "planner"),
        ({"agent_id": "planner", "name": " Plan ner\n", "role": " plans "}, "Plan ner"),
        ({"agent_id": "planner", "name": "a" * 59 + " b"}, "a" * 59),
        ({"agent_id": "planner", "name": " " * 30 + "b"}, "b"),
        ({"agent_id": " "}, slug_of(" ")),
        ({"agent_id": " The planner "}, "The planner"),
    ],
)
def test_an_agent_comes_back_from_the_file_of_its_crew(program, agent, stored):
    events = [{"type": "boot", "crew": "another"}, {"type": "agent_start", **agent}]
    sent = [{"run": "r", "id": str(n)} | event for n, event in enumerate(events)]
    assert program.send(*sent)["accepted"] == 2
    crew = Crew.objects.get(slug="another")
    assert [each.name for each in crew.agents.all()] == [stored]
    found, _ = load(text_of(describe(crew)))
    assert found["agents"] == [
        {"slug": each.slug, "name": each.name, "role": each.role} for each in crew.agents.all()
    ]


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ({"agent_id": "a" * 80}, "a" * 60),
        ({"agent_id": "planner", "name": " " + "b" * 59 + " c"}, "b" * 59),
        ({"agent_id": "planner", "name": " "}, "planner"),
        ({"agent_id": " "}, slug_of(" ")),
    ],
)
def test_the_plan_of_the_run_names_the_agent_by_the_same_rule(program, agent, shown):
    start = {"run": "r", "id": "1", "type": "boot", "crew": "another"}
    begun = {"run": "r", "id": "2", "type": "agent_start", **agent}
    assert program.send(start, begun)["accepted"] == 2
    run = Crew.objects.get(slug="another").runs.get()
    assert [each["name"] for each in run.plan["agents"]] == [shown]
