"""What `export_crew` writes is what `apply` reads: nothing is lost, nothing changes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.crew_files.applying import apply
from runs.crew_files.checking import check, load
from runs.crew_files.reading import read
from runs.crew_files.writing import describe, text_of

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
TRICKY = st.sampled_from(
    [
        *("no", "on", "yes", "True", "~", "null", "<<", "=", "1e3", "010", "1.10", "12:30", "0x10"),
        *("0o7", "1_000", "+.inf", ".nan", "2024-01-01", "---", "...", "- a", "# b", "a: b", "*a"),
        *("&a", "!!a", "\ta", " a", "a ", "a\n", "\na", "a\n\n", "a\r\nb", "a\n  b\n c", "{", "["),
        *("%a", "@a", "`a", "'", '"', "\\", "|", ">", "\ufeff", "\x85", "\u2028", "é", "🛰"),
        *("\x7f", "\x1b[31m", "\u202e", "é\u202e\n", "é\t\n"),
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(TEXT, TRICKY, st.lists(TRICKY, min_size=1).map("\n".join)))
def test_any_text_comes_back_as_it_was(text):
    description = {
        "description": text,
        "tasks": [{"steps": [{"tool": "t", "params": {"code": text, "args": [text, text]}}]}],
    }
    found = read(text_of(description))[0]
    assert found["tasks"] == description["tasks"]
    assert found.get("description", "") == text


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.integers(-(10**17), 10**17), st.booleans(), st.none()))
def test_other_values_come_back_as_they_were(value):
    found = read(text_of({"params": {"a": value}}))[0]["params"]["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.django_db
def test_applying_an_export_changes_nothing(acme):
    code = "set -e\n\tls -l\nif true; then\n  echo 'a: b'  \nfi\n"
    acme.give_steps(
        {"tool": "git_clone", "params": {"depth": 3, "url": "https://github.com/a/b"}},
        {"tool": "pytest", "params": {"args": ["-k", "no", "1.10"], "network": False}},
        {"tool": "script", "params": {"code": code, "interpreter": "bash"}},
    )
    acme.crew.description = "on: the road"
    acme.crew.max_parallel = 3
    acme.crew.own_directories = True
    acme.crew.save()
    last = acme.crew.tasks.last()
    last.after = [str(acme.crew.tasks.first().pk)]
    last.save()
    acme.crew.tasks.update_or_create(name="Orion works", defaults={"order": 7})
    before = [(task.pk, task.order, task.steps) for task in acme.crew.tasks.all()]
    text = text_of(describe(acme.crew))
    applied = apply(check(read(text)[0]), acme.crew, acme.organization)
    assert applied.diff == ""
    assert "max_parallel: 3\nown_directories: true\n" in text
    assert "    after:\n      - Orion works\n" in text
    last.refresh_from_db()
    assert last.after == [str(acme.crew.tasks.get(name="Orion works").pk)]
    assert [(task.pk, task.order, task.steps) for task in acme.crew.tasks.all()] == before
    assert text_of(describe(acme.crew)) == text
    assert code in [step["params"].get("code") for step in acme.crew.tasks.first().steps]


@pytest.mark.django_db
def test_numbers_that_were_stored_for_text_are_written_as_text(acme):
    acme.give_steps(
        {
            "tool": "git_clone",
            "params": {"url": "https://github.com/a/b", "branch": 2024, "depth": 3},
        },
        {"tool": "pytest", "params": {"args": ["--maxfail", 1, 1.5], "network": False}},
    )
    found, _ = load(text_of(describe(acme.crew)))
    (task, *_) = [task for task in found["tasks"] if task["steps"]]
    clone, tests = (step["params"] for step in task["steps"])
    assert (clone["branch"], clone["depth"]) == ("2024", 3)
    assert (tests["args"], tests["network"]) == (["--maxfail", "1", "1.5"], False)
    assert apply(found, acme.crew, acme.organization).diff == ""


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", "  ", " Planner", "Planner\n"])
def test_agents_that_were_stored_with_odd_names_come_back(acme, name):
    acme.crew.agents.create(slug="planner", name=name, order=9)
    found, _ = load(text_of(describe(acme.crew)))
    assert found["agents"][-1]["name"] == (name.strip() or "planner")
    assert apply(found, acme.crew, acme.organization).diff == ""
