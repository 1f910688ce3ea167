"""In which order tasks begin, what a failure stops, and what a retry repeats."""

from itertools import pairwise

import pytest
from django.db.models import QuerySet

from crews.models import Task
from crews.task_order import cycle_in, cycle_message
from crews.tracking import InvalidState
from runs.models import Run
from runs.tests.parallel.conftest import Work
from runs.workspaces import workspace_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),
]


def begun(work: Work) -> list[str]:
    return list(work.run.task_executions.order_by("started_at").values_list("name", flat=True))


def test_a_task_begins_after_those_that_it_names(crew_of, begin):
    crew_of(
        report=("cat built", ["build"]), fetch=("touch got", []), build=("mv got built", ["fetch"])
    )
    work = begin()
    assert work.end().status == "succeeded"
    assert begun(work) == ["fetch", "build", "report"]
    assert work.calls == []  # one task at a time needs no help


def test_without_after_the_order_is_that_of_the_list(crew_of, begin):
    crew_of(one=("true", []), two=("true", []), three=("true", []))
    work = begin()
    assert work.end().status == "succeeded"
    assert begun(work) == ["one", "two", "three"]


DIAMOND = {
    "fetch": ("echo >> fetched", []),
    "test": ("[ -e mended ]", ["fetch"]),
    "lint": ("echo >> linted", ["fetch"]),
    "report": ("echo >> reported", ["test", "lint"]),
}


@pytest.mark.parametrize("max_parallel", [1, 3])
def test_a_failure_stops_what_comes_after_it(crew_of, begin, max_parallel):
    crew_of(max_parallel, may_fail=("test",), **DIAMOND)
    work = begin()
    run = work.end()
    assert (run.status, run.reason) == ("failed", "task_failed")
    assert run.message == "Failed: test. Not begun, as they come after it: report"
    assert work.statuses() == {"fetch": "succeeded", "test": "failed", "lint": "succeeded"}


def test_a_failure_ends_the_run_unless_the_task_says_otherwise(crew_of, begin):
    crew_of(**DIAMOND)
    work = begin()
    assert work.end().message.startswith("test. Step 1, script")
    assert work.statuses() == {"fetch": "succeeded", "test": "failed"}


@pytest.mark.parametrize("max_parallel", [1, 3])
def test_a_retry_keeps_what_has_succeeded(acme, crew_of, begin, max_parallel):
    crew_of(max_parallel, may_fail=("test",), **DIAMOND)
    failed = begin().end()
    retry = failed.run_again(user=acme.operator, from_failed=True)
    assert retry.retry == "resumed"
    assert [task["name"] for task in retry.plan["tasks"]] == ["test", "report"]
    assert [task["name"] for task in retry.carried] == ["fetch", "lint"]
    assert begin(retry).end().status == "failed"
    again = retry.run_again(from_failed=True)
    assert [task["name"] for task in again.carried] == ["fetch", "lint"]
    (workspace_of(again.pk) / "mended").touch()
    assert begin(again).end().status == "succeeded"
    for name in ("fetched", "linted", "reported"):  # each was done once
        assert (workspace_of(again.pk) / name).read_text() == "\n"


def test_tasks_that_wait_for_each_other_are_refused(acme, crew_of):
    crew_of(build=("true", []), test=("true", ["build"]))
    build, test = acme.crew.tasks.all()
    QuerySet.update(Task.objects.filter(pk=build.pk), after=[str(test.pk)])  # past every form
    with pytest.raises(InvalidState, match=r"wait for each other: (build → test|test → build) →"):
        Run.objects.request(crew=acme.crew)


def test_what_a_deleted_task_leaves_behind_means_nothing(acme, crew_of, begin):
    crew_of(build=("true", []), test=("true", ["build"]))
    acme.crew.tasks.get(name="build").delete()
    assert acme.crew.plan()["tasks"][0]["after"] == []
    assert begin().end().status == "succeeded"


def test_the_tasks_of_a_cycle_are_named_and_no_others():
    after = {"a": [], "b": ["a", "d"], "c": ["b"], "d": ["c"]}
    cycle = cycle_in(after)
    assert cycle[0] == cycle[-1]
    assert {*cycle} == {"b", "c", "d"}
    assert all(one in after[other] for one, other in pairwise(cycle))
    assert cycle_in({"a": [], "b": ["a"]}) == []
    many = [str(number) for number in range(500)]
    assert len(cycle_message(many)) < 200


def test_a_plan_of_before_is_carried_out_as_before(acme, crew_of, begin):
    """A run that was requested by an older version has neither `after` nor `max_parallel`."""
    crew_of(3, one=("true", []), two=("true", []))
    run = Run.objects.create(crew=acme.crew)
    plan = run.plan
    del plan["max_parallel"]
    for task in plan["tasks"]:
        del task["after"]
    QuerySet.update(Run.objects.filter(pk=run.pk), plan=plan)
    work = begin(Run.objects.get(pk=run.pk))
    assert work.end().status == "succeeded"
    assert (begun(work), work.calls) == (["one", "two"], [])
