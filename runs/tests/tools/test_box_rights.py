"""What a tool is in its box: without rights, with nothing to win, on a system that it may read
alone.
"""

import os
from pathlib import Path

import pytest

from runs.tools import box

NAMESPACES = "for n in user pid mnt net ipc uts; do readlink /proc/self/ns/$n; done"


@pytest.mark.parametrize(("tier", "shared"), [("namespaces", 0), ("limits", 6)])
def test_every_namespace_is_its_own(loot, emitter, in_tier, tier, shared):
    in_tier(tier)
    ours = {
        os.readlink(f"/proc/self/ns/{name}") for name in ("user", "pid", "mnt", "net", "ipc", "uts")
    }
    assert len(ours & set(loot.run(emitter, NAMESPACES).split())) == shared


ESCALATE = {
    "another user namespace": "unshare -Ur true",
    "another mount": "mount -t tmpfs none .tmp",
    "a device": "mknod device b 8 0",
    "another root": "chroot / true",
    "process 1": "cat /proc/1/environ /proc/1/maps /proc/1/mem",
    "the root of process 1": "ls -L /proc/1/root",
    "the descriptors of process 1": "ls /proc/1/fd",
    "the host name": "hostname planted",
    "the kernel's settings": "echo 1 > /proc/sys/user/max_user_namespaces",
    "the clock's settings": "echo 0 > /proc/sys/kernel/randomize_va_space",
    "the users": "python3 -c 'import os; os.setuid(0)'",
}


@pytest.mark.parametrize("code", ESCALATE.values(), ids=ESCALATE)
def test_no_rights_are_won(loot, emitter, in_tier, code):
    in_tier("namespaces")
    assert "won" not in loot.run(emitter, f"if {code}; then echo won; fi").split()


def test_process_1_is_not_killed(loot, emitter, in_tier):
    in_tier("namespaces")
    assert loot.run(emitter, "kill -9 1; kill -15 1; sleep 0.2; echo still here").endswith("here\n")


def test_no_capability_is_left(loot, emitter, in_tier):
    in_tier("namespaces")
    status = loot.run(emitter, "grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status")
    assert [int(line.split()[1], 16) for line in status.splitlines()] == [0, 0, 0, 0, 1]


def test_only_standard_descriptors_are_inherited(loot, emitter, in_tier):
    for tier in ("namespaces", "limits"):
        in_tier(tier)
        loot.run(emitter, "import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])", "python")
    assert emitter.output == "['0', '1', '2']\n" * 2


def test_the_system_is_read_only(loot, emitter, in_tier):
    in_tier("namespaces")
    for directory in ("/", "/usr", "/usr/bin", "/etc", "/dev", Path(os.__file__).parent):
        loot.run(emitter, f"touch {directory}/planted || echo refused")
        assert not Path(directory, "planted").exists()
    assert emitter.output.count("refused") == 6


def test_the_outer_file_system_is_gone(loot, emitter, in_tier):
    """The box is built beside it, and it lies within reach until then."""
    in_tier("namespaces")
    find = "find / -xdev -name .ssh 2> /dev/null; ls -A /"
    said = loot.run(emitter, find).split()
    assert "usr" in said
    assert ".old" not in said
    assert not [path for path in said if path.endswith(".ssh")]


def test_what_a_tool_is_shown_it_may_not_write(loot, emitter, in_tier, settings, tmp_path):
    """Also where it belongs to the tools' user, as a checkout does to a worker that is not root."""
    in_tier("namespaces")
    shown = tmp_path / "shown"
    shown.mkdir()
    shown.chmod(0o777)
    settings.TOOLS_READABLE_PATHS = [str(shown)]
    box._readable.cache_clear()
    try:
        said = loot.run(emitter, f"ls {shown} && touch {shown}/planted || echo refused; touch own")
    finally:
        box._readable.cache_clear()
    assert said.split()[-1] == "refused"
    assert not (shown / "planted").exists()
    assert (loot.workspace / "own").exists()
