"""What a program takes of controls when it can follow no more runs, and when it ends in a pause."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import crewops_client as crewops
from crewops_client import follow
from crewops_client.adapters.common import new_run
from crewops_client.runs import Run

CLIENT = Path(crewops.__file__).parent.parent


def of_adapter() -> Run:
    return new_run("release-crew", "nightly", "crewai").start()


def test_runs_of_adapters_leave_places_to_those_of_the_program(reporter, server):
    runs = [of_adapter() for _ in range(follow.FOLLOWED_AT_MOST)]
    assert sum(run.takes_controls for run in runs) == follow.FOLLOWED_AT_MOST // 2
    own = [crewops.run("release-crew") for _ in range(follow.FOLLOWED_AT_MOST)]
    assert sum(run.takes_controls for run in own) == follow.FOLLOWED_AT_MOST // 2
    runs[0].end()
    assert of_adapter().takes_controls
    runs[1].end()
    assert crewops.run("release-crew").takes_controls
    assert not of_adapter().takes_controls


def one_run_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "OF_ADAPTERS_AT_MOST", 0)


def without_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow.importlib.util, "find_spec", lambda name: None)


@pytest.mark.parametrize("how", [one_run_too_many, without_sockets])
def test_a_run_of_an_adapter_that_is_not_followed_takes_only_a_cancel(
    reporter, server, monkeypatch, how
):
    how(monkeypatch)
    run = of_adapter()
    new_run("release-crew", "alone", "langchain", ()).start()
    boots = server.wait_for("boot", 2)
    assert [boot["controls"] for boot in boots] == [["cancel"], []]
    reporter._stop(run.key)
    with pytest.raises(crewops.Cancelled):
        run.at_start()


def test_controls_that_are_switched_off_are_none(make, monkeypatch, server):
    monkeypatch.setattr("crewops_client.reporter._current", make(controls=False))
    run = of_adapter()
    assert server.wait_for("boot")[0]["controls"] == []
    run.reporter._stop(run.key)
    run.at_start()


PROGRAM = """
    import threading, time
    from concurrent.futures import ThreadPoolExecutor
    import crewops_client as crewops

    run = crewops.run("release-crew").start()
    run.controls._requested({"control_id": "1", "action": "pause"})

    def work():
        try:
            with run.tool("deploy"):
                print("entered", flush=True)
        except crewops.Cancelled as error:
            print(error, flush=True)

"""
ENDS = {
    "pool": "pool = ThreadPoolExecutor(1); pool.submit(work)",
    "thread": "threading.Thread(target=work).start()",
}


@pytest.mark.parametrize("how", ENDS)
def test_a_program_that_ends_does_not_wait_for_a_paused_call(server, tmp_path, how):
    wait = "\nwhile not run.controls._waiting: time.sleep(0.01)\nraise SystemExit(3)"
    environment = {"CREWOPS_URL": server.url, "CREWOPS_API_KEY": "k", "CREWOPS_FLUSH_S": "0.1"}
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM) + ENDS[how] + wait],
        env=environment | {"PYTHONPATH": str(CLIENT), "CREWOPS_SPOOL_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ended.returncode, ended.stdout) == (3, "The run is paused, and the program ends.\n")
