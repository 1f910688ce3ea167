"""Bombs: each goes off where its limit allows it, and is stopped where it does not."""

import os
from pathlib import Path

import pytest

from runs import tools
from runs.tests.tools.recorder import Recorder
from runs.tests.tools.test_script_processes import processes_with
from runs.tools import Outcome, Status

MIB = 2**20
HELD = "\nimport time; time.sleep({seconds})"  # long enough to be looked at
SMALL_FILES = "for n in range(20): open(f'{n}', 'wb').write(b'x' * (3 << 20))"

# name: setting, a value that stops it, a value that allows it, code, words of the message
BOMBS = {
    "memory": (
        *("TOOLS_LIMIT_MEMORY_BYTES", 256 * MIB, 1024 * MIB),
        *("x = bytearray(300 << 20)", "exit code 1"),
    ),
    "memory of many": (
        *("TOOLS_LIMIT_MEMORY_BYTES", 400 * MIB, 2048 * MIB),
        "import os\nfor n in range(5): os.fork() or (x := bytearray(150 << 20), time.sleep(9))" + HELD,
        "over the memory limit of 400 MiB",
    ),
    "processes": (
        *("TOOLS_LIMIT_PROCESSES", 20, 300),
        "import subprocess\nx = [subprocess.Popen(['sleep', '9']) for n in range(60)]",
        "exit code 1",
    ),
    "threads": (
        *("TOOLS_LIMIT_PROCESSES", 20, 300),
        "import threading\nfor n in range(60): threading.Thread(target=time.sleep, args=(0.5,)).start()",
        "exit code 1",
    ),
    "descriptors": (
        *("TOOLS_LIMIT_OPEN_FILES", 64, 512),
        *("x = [open('/dev/null') for n in range(200)]", "exit code 1"),
    ),
    "a large file": (
        *("TOOLS_LIMIT_FILE_BYTES", 10 * MIB, 100 * MIB),
        *("open('x', 'wb').write(b'x' * (20 << 20))", "exit code"),
    ),
    "a sparse file": (
        *("TOOLS_LIMIT_FILE_BYTES", 10 * MIB, 100 * MIB),
        *("open('x', 'wb').truncate(20 << 20)", "exit code"),
    ),
    "much on disk": (
        *("TOOLS_LIMIT_WORKSPACE_BYTES", 50 * MIB, 1024 * MIB),
        *(SMALL_FILES + HELD, "over the workspace limit of 50 MiB"),
    ),
    "much on disk, in a directory nobody reads": (
        *("TOOLS_LIMIT_WORKSPACE_BYTES", 50 * MIB, 1024 * MIB),
        f"import os; os.mkdir('d'); os.chdir('d'); os.chmod('.', 0o300)\n{SMALL_FILES}{HELD}",
        "over the workspace limit of 50 MiB",
    ),
    "much on disk, removed but open": (
        *("TOOLS_LIMIT_WORKSPACE_BYTES", 50 * MIB, 1024 * MIB),
        "import os\nx = [open(f'{n}', 'wb') for n in range(20)]\n"
        f"for f in x: f.write(b'x' * (3 << 20)); f.flush(); os.unlink(f.name){HELD}",
        "over the workspace limit of 50 MiB",
    ),
    "many files": (
        *("TOOLS_LIMIT_WORKSPACE_FILES", 1000, 10_000),
        *("for n in range(3000): open(f'{n}', 'w').close()" + HELD, "limit of 1000 files"),
    ),
    "many directories": (
        *("TOOLS_LIMIT_WORKSPACE_FILES", 1000, 10_000),
        *("import os\nfor n in range(3000): os.mkdir(f'{n}')" + HELD, "limit of 1000 files"),
    ),
    "processor": (
        *("TOOLS_LIMIT_CPU_S", 1, 60),
        *("while time.process_time() < 1.5: pass", "exit code"),
    ),
    "silence": ("TOOLS_IDLE_LIMIT_S", 0.5, 60, "time.sleep(1.5)", "no output for 0.5 s"),
}  # fmt: skip
each_bomb = pytest.mark.parametrize(
    ("setting", "tight", "loose", "code", "words"), BOMBS.values(), ids=BOMBS
)


def run(workspace: Path, emitter: Recorder, code: str, interpreter: str = "python") -> Outcome:
    script = tools.get("script")
    params = script.clean({"interpreter": interpreter, "code": code})
    return script.run(params, workspace, emitter)


@each_bomb
def test_stopped(workspace, emitter, settings, in_tier, setting, tight, loose, code, words):
    in_tier("namespaces")
    setattr(settings, setting, tight)
    outcome = run(workspace, emitter, "import time\n" + code.format(n="{n}", seconds=9))
    assert outcome.status == Status.ERROR
    assert words in outcome.message


@each_bomb
def test_control_with_a_wider_limit(
    workspace, emitter, settings, in_tier, setting, tight, loose, code, words
):
    in_tier("namespaces")
    setattr(settings, setting, loose)
    outcome = run(workspace, emitter, "import time\n" + code.format(n="{n}", seconds=1.5))
    assert outcome == Outcome(Status.SUCCESS, 0), emitter.output


def test_paths_too_long_to_be_measured(workspace, emitter, in_tier):
    in_tier("namespaces")
    code = "import os\nfor n in range(30): os.mkdir('d' * 200); os.chdir('d' * 200)"
    assert "nested too deep" in run(workspace, emitter, code + HELD.format(seconds=9)).message


@pytest.mark.parametrize("directory", ["/dev/shm", "/tmp"])
def test_what_is_in_memory_is_small(workspace, emitter, in_tier, directory):
    in_tier("namespaces")
    run(
        workspace,
        emitter,
        f"head -c 100M /dev/zero > {directory}/x; stat -c %s {directory}/x",
        "bash",
    )
    assert emitter.output.splitlines()[-1] == f"{64 * MIB}"


# Doubles ten times and no more, so that it does no harm should a limit ever be missing.
BOMB = "{name}() {{ [ $1 = 0 ] || {{ {name} $(($1 - 1)) & {name} $(($1 - 1)) & }}; sleep 9; }}; {name} 10"


@pytest.mark.parametrize(
    ("tier", "message"),
    [
        ("namespaces", "Stopped: over the time limit of 1 s."),
        # There only the launcher limits the processes of root, as soon as it sees too many.
        ("limits", "Stopped: over the"),
    ],
)
def test_processes_that_double_are_gone_when_they_are_stopped(
    workspace, emitter, settings, in_tier, tier, message
):
    in_tier(tier)
    settings.TOOLS_TIME_LIMITS_S = {"script": 1}
    settings.TOOLS_LIMIT_PROCESSES = 50
    name = f"bomb_{os.getpid()}"
    outcome = run(workspace, emitter, BOMB.format(name=name), "bash")
    assert outcome.message.startswith(message)
    assert not processes_with(name)
