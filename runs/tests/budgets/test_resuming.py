"""What a budget has paused goes on when its limit is raised, and nothing else does."""

import pytest

from runs.execution import controls
from runs.models import Run
from runs.models.control import report_paused
from runs.tests.budgets.conftest import alerts, asked, started
from runs.tests.scene import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(acme) -> Run:
    return acme.start_run()


def test_a_run_is_paused_by_choice_and_goes_on_when_the_limit_is_raised(run, limit, look):
    limit(run_tool_calls=3, run_at_limit="pause")
    work(run, tools=4)
    look()
    assert report_paused(run, True)
    assert asked(run) == [("pause", "the budget", "applied")]
    assert look() == 0
    limit(run_tool_calls=20)
    assert look() == 1
    assert asked(run)[1:] == [("resume", "the budget", "requested")]
    assert report_paused(run, False)
    assert (look(), alerts(run)) == (0, [])


def test_a_limit_that_is_removed_resumes_the_run(run, limit, look):
    limit(run_tool_calls=3, run_at_limit="pause")
    work(run, tools=4)
    look()
    report_paused(run, True)
    limit(run_tool_calls=None)
    look()
    assert asked(run)[1:] == [("resume", "the budget", "requested")]
    assert look() == 0


def test_a_limit_that_is_raised_too_little_changes_nothing(run, limit, look):
    limit(run_tool_calls=3, run_at_limit="pause")
    work(run, tools=9)
    look()
    limit(run_tool_calls=8)
    assert look() == 0
    assert asked(run) == [("pause", "the budget", "requested")]


def test_of_two_budgets_that_paused_it_both_have_to_be_raised(run, limit, look):
    limit(run_tool_calls=3, run_minutes=1, run_at_limit="pause")
    started(run, 5)
    work(run, tools=4)
    look()
    limit(run_minutes=100)
    look()
    assert [action for action, *_ in asked(run)] == ["pause"]
    limit(run_tool_calls=100)
    look()
    assert [action for action, *_ in asked(run)] == ["pause", "resume"]


def test_what_a_person_has_paused_stays_paused(run, limit, look):
    controls.ask(run, "pause")
    report_paused(run, True)
    limit(run_tool_calls=3, run_at_limit="pause")
    work(run, tools=4)
    look()
    assert len(asked(run)) == 1
    limit(run_tool_calls=100)
    look()
    assert asked(run) == [("pause", "a command", "applied")]


def test_a_person_who_resumes_lets_the_run_go_on(run, limit, look):
    limit(run_tool_calls=3, run_at_limit="pause")
    work(run, tools=4)
    look()
    report_paused(run, True)
    controls.ask(run, "resume")
    report_paused(run, False)
    assert look() == 0
    limit(run_tool_calls=100)
    look()
    limit(run_tool_calls=2)
    look()  # another limit is exceeded
    assert [action for action, *_ in asked(run)] == ["pause", "resume", "pause"]


def test_a_run_that_a_person_had_paused_pauses_again_when_it_goes_on(run, limit, look):
    controls.ask(run, "pause")
    report_paused(run, True)
    limit(run_tool_calls=3, run_at_limit="pause")
    work(run, tools=4)
    look()
    controls.ask(run, "resume")
    report_paused(run, False)
    look()
    assert asked(run)[-1] == ("pause", "the budget", "requested")
