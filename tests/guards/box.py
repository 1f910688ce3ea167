"""What a tool's box keeps from it, and what it may use of the machine."""

from tests.guards.guard import Edit, guard

LAUNCHER = "runs/tools/launcher"
STOPPED = "runs/tests/tools/test_box_limits.py::test_stopped"
READ = "runs/tests/tools/test_box_secrets.py::test_no_secret_is_read"
WINS = "runs/tests/tools/test_box_rights.py::test_no_rights_are_won"
COMMAND, FILESYSTEM, NAMESPACES, USAGE = (
    f"{LAUNCHER}/{name}.py" for name in ("command", "filesystem", "namespaces", "usage")
)
# A worker that is root has its tools be somebody else, who may not read what is root's anyway.
SAME_USER = Edit(COMMAND, "        os.setresuid(uid, uid, uid)\n", "")

BOX = (
    guard(
        "box: no tool without one",
        *("runs/tools/process.py", "if tier.refusal:", "if False:"),
        "runs/tests/tools/test_box.py::test_refuses_to_run",
    ),
    guard(
        "box: environment",
        *("runs/tools/box.py", '"PYTHONUNBUFFERED": "1",', '"PYTHONUNBUFFERED": "1", **os.environ,'),
        "runs/tests/tools/test_script.py::test_nothing_of_the_workers_environment",
    ),
    guard(
        "box: files",
        FILESYSTEM,
        'for path in order["readable"]:',
        'for path in [*order["readable"], os.path.dirname(os.path.dirname(order["workspace"]))]:',
        f"{READ}[settings]",
        behind=(SAME_USER,),
    ),
    guard(
        "box: the system is read-only",
        *(FILESYSTEM, "libc.MOUNT_ATTR_RDONLY | libc.MOUNT_ATTR_NOSUID", "libc.MOUNT_ATTR_NOSUID"),
        "runs/tests/tools/test_box_rights.py::test_what_a_tool_is_shown_it_may_not_write",
    ),
    guard(
        "box: network",
        *(NAMESPACES, '(0 if order["network"] else libc.CLONE_NEWNET)', "0"),
        f"{READ}[TCP]",
        behind=(Edit(NAMESPACES, "        _raise_loopback()\n", "        pass\n"),),
    ),
    guard(
        "box: no further user namespace",
        NAMESPACES,
        'Path("/proc/sys/user/max_user_namespaces").write_text("0")',
        "pass",
        f"{WINS}[another user namespace]",
    ),
    guard(
        "box: no new rights",
        *(COMMAND, "libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)", "pass"),
        "runs/tests/tools/test_box_rights.py::test_no_capability_is_left",
    ),
    guard(
        "box: open files",
        *(COMMAND, 'limits["open_files"]', "65536"),
        f"{STOPPED}[descriptors]",
    ),
    guard(
        "box: file size",
        *(COMMAND, 'limits["file_bytes"]', "1 << 40"),
        f"{STOPPED}[a sparse file]",
    ),
    guard(
        "box: processor",
        *(COMMAND, 'limits["cpu_s"]', "3600"),
        f"{STOPPED}[processor]",
    ),
    guard(
        "box: memory of one",
        *(COMMAND, 'limits["memory_bytes"]', "1 << 40"),
        f"{STOPPED}[memory]",
        behind=(Edit(USAGE, "reason = self._memory() or self._disk()", "reason = self._disk()"),),
    ),
    guard(
        "box: memory of all",
        *(USAGE, "reason = self._memory() or self._disk()", "reason = self._disk()"),
        f"{STOPPED}[memory of many]",
    ),
    guard(
        "box: processes",
        *(COMMAND, 'limits["processes"] + others', "4096"),
        f"{STOPPED}[processes]",
        behind=(Edit(USAGE, "if reason := self._processes():", "if reason := '':"),),
    ),
    guard(
        "box: disk",
        *(USAGE, "if total > limit:\n                return", "if False:\n                return"),
        f"{STOPPED}[much on disk]",
    ),
    guard(
        "box: disk that no directory shows",
        *(USAGE, "total, files = _deleted_but_open(), 0", "total, files = 0, 0"),
        f"{STOPPED}[much on disk, removed but open]",
    ),
    guard(
        "box: number of files",
        *(USAGE, "if files > files_limit:", "if False:"),
        f"{STOPPED}[many files]",
    ),
    guard(
        "box: silence",
        *("runs/tools/process.py", "if now - self._heard_at > settings.TOOLS_IDLE_LIMIT_S:", "if False:"),
        f"{STOPPED}[silence]",
    ),
    guard(
        "box: time",
        *("runs/tools/process.py", "if now - self._started_at > self._time_limit:", "if False:"),
        "runs/tests/tools/test_script.py::test_the_time_limit_ends_every_process[double fork]",
    ),
    guard(
        "box: a worker that is frozen",
        *(f"{LAUNCHER}/supervision.py", "if time.monotonic() - heard_at > silence_s:", "if False:"),
        "runs/tests/tools/test_script.py::test_a_worker_that_gives_no_sign_keeps_no_tool"
        "[silent-limits]",
    ),
    guard(
        "box: who leaves the process tree is adopted",
        *(f"{LAUNCHER}/tree.py", "libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)", "pass"),
        "runs/tests/tools/test_script.py::test_who_left_the_tree_is_ended_without_a_box_too",
    ),
    guard(
        "box: nothing of the outer file system stays in reach",
        *(FILESYSTEM, "    libc.unmount(OLD)\n    os.rmdir(OLD)\n", ""),
        "runs/tests/tools/test_box_rights.py::test_the_outer_file_system_is_gone",
    ),
    guard(
        "box: process 1 is not looked into",
        *(NAMESPACES, "    libc.prctl(libc.PR_SET_DUMPABLE, 0)\n", ""),
        f"{WINS}[the root of process 1]",
        behind=(SAME_USER,),
    ),
    guard(
        "box: another user",
        *(COMMAND, "        os.setresuid(uid, uid, uid)\n", ""),
        "runs/tests/tools/test_box.py::TestUserTier::test_is_another_user_without_rights",
    ),
    guard(
        "box: no group of root",
        *(COMMAND, "        os.setgroups([])\n", ""),
        "runs/tests/tools/test_box.py::TestUserTier::test_is_another_user_without_rights",
    ),
    guard(
        "box: root runs no tool as root unless that is allowed",
        *("runs/tools/box.py", "if settings.TOOLS_ALLOW_UNBOXED_ROOT:", "if True:"),
        "runs/tests/tools/test_box.py::test_root_runs_tools_as_root_only_where_that_is_allowed",
    ),
    guard(
        "box: the launcher has no environment",
        *("runs/tools/fork_server.py", "                env={},\n", ""),
        "runs/tests/tools/test_box.py::test_the_launcher_has_nothing_of_the_workers_environment",
    ),
    guard(
        "box: own processes",
        *(NAMESPACES, "    | libc.CLONE_NEWIPC\n", ""),
        "runs/tests/tools/test_box_rights.py::test_every_namespace_is_its_own[namespaces-0]",
    ),
    guard(
        "box: who kills its launcher does not get away",
        *("runs/tools/launch.py", "        self._kill_marked()\n", ""),
        "runs/tests/tools/test_box.py::test_a_tool_that_kills_its_launcher_does_not_get_away",
    ),
)  # fmt: skip
