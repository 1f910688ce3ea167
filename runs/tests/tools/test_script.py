"""The script tool, and through it how a process of a tool is run."""

from pathlib import Path

import pytest

from runs import tools
from runs.tests.tools.recorder import Recorder
from runs.tools import Outcome, Status, process


def run(
    workspace: Path, emitter: Recorder, code: str, interpreter: str = "bash", **more
) -> Outcome:
    script = tools.get("script")
    params = script.clean({"interpreter": interpreter, "code": code, **more})
    return script.run(params, workspace, emitter)


@pytest.mark.parametrize(
    ("interpreter", "code"),
    [
        ("bash", 'echo "out"; echo "err" >&2'),
        ("python", "import os; print('out'); os.write(2, b'err\\n')"),
    ],
)
def test_output_is_as_written(workspace, emitter, interpreter, code):
    assert run(workspace, emitter, code, interpreter) == Outcome(Status.SUCCESS, 0)
    assert emitter.output == "out\nerr\n"


@pytest.mark.parametrize("interpreter", ["bash", "python"])
def test_exit_code_of_a_failure(workspace, emitter, interpreter):
    outcome = run(
        workspace, emitter, "exit(3)" if interpreter == "python" else "exit 3", interpreter
    )
    assert outcome == Outcome(Status.ERROR, 3, "The script ended with exit code 3.")


def test_a_signal_is_an_exit_code_as_in_a_shell(workspace, emitter):
    assert run(workspace, emitter, "kill -KILL $$").exit_code == 137


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "exit code 3"),
        (127, "exit code 127 (a command was not found)"),
        (126, "exit code 126 (a command could not be executed)"),
        (139, "exit code 139 (SIGSEGV)"),
        (128, "exit code 128"),
        (255, "exit code 255"),
    ],
)
def test_an_exit_code_in_words(code, words):
    assert process.in_words(code) == words


def test_a_step_without_network_says_so(workspace, emitter, in_tier):
    in_tier("namespaces")
    code = "import socket; socket.getaddrinfo('example.com', 443)"
    message = run(workspace, emitter, code, "python").message
    assert message == (
        'The script ended with exit code 1. This step has no network: "network": true asks for it.'
    )


@pytest.mark.parametrize("interpreter", ["bash", "python"])
def test_output_arrives_while_the_script_is_going_on(workspace, interpreter):
    """The script waits for a file that is made only once its first line has been handed on."""
    go_on = workspace / "go-on"
    emitter = Recorder(on_output=lambda text: go_on.touch())
    code = {
        "bash": "echo first; until [ -e go-on ]; do sleep 0.01; done; echo second",
        "python": "import os, time\nprint('first')\nwhile not os.path.exists('go-on'): time.sleep(0.01)\nprint('second')",
    }[interpreter]
    assert run(workspace, emitter, code, interpreter).status == Status.SUCCESS
    assert emitter.output == "first\nsecond\n"


def test_nothing_of_the_workers_environment(workspace, emitter, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "canary-of-the-worker")
    run(workspace, emitter, "env")
    assert "canary" not in emitter.output
    names = {line.partition("=")[0] for line in emitter.output.splitlines()}
    ours = {"PATH", "HOME", "TMPDIR", "LANG", "PYTHONUNBUFFERED", "CREWOPS_BOX"}
    assert names == ours | {"PWD", "SHLVL", "_"}


def test_standard_input_is_empty(workspace, emitter):
    assert run(workspace, emitter, "cat").exit_code == 0


def test_characters_split_over_reads_stay_whole(workspace, emitter):
    code = r"printf 'na\303'; sleep 0.2; printf '\257ve \377 \000.'"
    run(workspace, emitter, code)
    assert emitter.output == "naïve \ufffd \ufffd."


def test_starts_in_the_checkout_if_there_is_one(workspace, emitter):
    run(workspace, emitter, "pwd")
    (workspace / "repo").mkdir()
    (workspace / "other").mkdir()
    run(workspace, emitter, "pwd")
    run(workspace, emitter, "pwd", directory="other")
    assert emitter.output.split() == [str(workspace / name) for name in ("", "repo", "other")]


def test_refuses_a_directory_outside_the_workspace(workspace, emitter):
    (workspace / "way-out").symlink_to("/")
    outcome = run(workspace, emitter, "pwd", directory="way-out")
    assert outcome.status == Status.ERROR
    assert "'way-out'" in outcome.message


def test_output_is_cut_and_the_exit_status_stays_true(workspace, emitter, settings):
    settings.TOOLS_OUTPUT_LIMIT_BYTES = 10_000
    outcome = run(workspace, emitter, "head -c 50000000 /dev/zero | tr '\\0' x; exit 7")
    assert outcome.exit_code == 7
    kept, notice = emitter.output.split("\n", 1)
    assert kept == "x" * 10_000
    assert notice == "[Output beyond 10,000 bytes was cut; the exit status is still true.]\n"


def test_output_up_to_the_limit_is_whole(workspace, emitter, settings):
    settings.TOOLS_OUTPUT_LIMIT_BYTES = 10_000
    run(workspace, emitter, "head -c 10000 /dev/zero | tr '\\0' x")
    assert emitter.output == "x" * 10_000
